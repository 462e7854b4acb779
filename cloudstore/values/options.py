"""The options of everything that keeps values in a bucket."""

from __future__ import annotations

from cloudstore.client.options import BUCKET_OPTIONS
from core.config import Field, StringSource

VALUE_OPTIONS = {
    **BUCKET_OPTIONS,
    "signing_key": Field(
        StringSource,
        is_required=False,
        is_secret=True,
        description="Signs values, and refuses those without a signature; CLOUDSTORE_SIGNING_KEY by default, if set.",
    ),
    "former_signing_key": Field(
        StringSource,
        is_required=False,
        is_secret=True,
        description="Its signatures are accepted too; CLOUDSTORE_FORMER_SIGNING_KEY by default, if set.",
    ),
}
