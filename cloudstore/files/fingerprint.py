"""Fingerprints of the objects that a config points at, which show whether they have changed."""

from __future__ import annotations

from typing import Any

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import split_s3_url
from core.config import Fingerprint
from core.errors import DagsterObjectNotFoundError


class S3ObjectFingerprint(Fingerprint):
    """The version of an object, or its ETag where the bucket keeps no versions, by one HEAD; `"absent"` without one.

    The value of the field is an `s3://bucket/key` URL:

        config_schema={"source": Field(str, fingerprint=S3ObjectFingerprint())}

    Args:
        resource_key: of the boto3 client in the mode.

    Raises:
        DagsterInvariantViolationError: the value is not such a URL.
        DagsterObjectStoreError: the store cannot be asked, or refuses to say.
    """

    def __init__(self, resource_key: str = "s3") -> None:
        self.required_resource_keys = frozenset([resource_key])
        self._resource_key = resource_key

    def of(self, value: Any, resources: Any) -> str:
        bucket, key = split_s3_url(value)
        client = getattr(resources, self._resource_key)
        try:
            with translate_errors("HeadObject", bucket, key):
                answer = client.head_object(Bucket=bucket, Key=key)
        except DagsterObjectNotFoundError:
            return "absent"
        version = answer.get("VersionId", "null")
        return f"version {version}" if version != "null" else f"etag {answer['ETag']} {answer['ContentLength']}"
