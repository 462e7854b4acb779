"""What deleting took away, or would take away."""

from __future__ import annotations

import msgspec


class Removal(msgspec.Struct, frozen=True):
    """A thing that was deleted, or would be.

    Attributes:
        kind: "run", "events", "artifacts", "compute log", "value" or "multipart upload".
        name: where it was: a path, an `s3://` address, or a description.
        size_bytes: how large; None where that is not known.
    """

    kind: str
    name: str
    size_bytes: int | None = None
