"""Fingerprints of the objects that a config points at, which show whether they have changed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import split_s3_url
from core.config import Fingerprint
from core.errors import DagsterObjectNotFoundError, NoFingerprintError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_OF_VERSION = re.compile(r"(?P<key>.+)\?versionId=(?P<version>[^?&]+)", re.DOTALL)


class S3ObjectFingerprint(Fingerprint):
    """The version of an object, or its ETag where the bucket keeps no versions, by one HEAD.

    The value of the field is an `s3://bucket/key` URL, or a list of them:

    Where there is no object with this key, or it ends with "/", all objects of the folder of this name count, with
    their keys, ETags and sizes, by one listing request for every 1,000. `s3://bucket/key?versionId=ID` is that version
    of the object. What is not there has no fingerprint: it may appear before a step reads it.

    Args:
        resource_key: of the boto3 client in the mode.

    Raises:
        DagsterInvariantViolationError: the value is not such a URL.
        NoFingerprintError: neither object nor folder is there.
        DagsterObjectStoreError: the store cannot be asked, or refuses to say.

    Example:
        >>> import boto3
        >>> from cloudstore import S3ObjectFingerprint
        >>> from core import Field, build_resources
        >>> config_schema = {"source": Field(str, fingerprint=S3ObjectFingerprint())}
        >>> stored = boto3.client("s3").put_object(Bucket="my-bucket", Key="source.csv", Body=b"id,total")
        >>> with build_resources({"s3": boto3.client("s3")}) as resources:
        ...     S3ObjectFingerprint().of("s3://my-bucket/source.csv", resources)
        'etag "bd362fc396b10062acda04f9f5fad1c6" 8'
    """

    def __init__(self, resource_key: str = "s3") -> None:
        self.required_resource_keys = frozenset([resource_key])
        self._resource_key = resource_key

    def of(self, value: Any, resources: Any) -> str:
        client = getattr(resources, self._resource_key)
        if isinstance(value, list):
            return _digest_of([self.of(each, resources) for each in value])
        bucket, key = split_s3_url(value)
        found = None if key.endswith("/") else _of_object(client, bucket, key)
        found = found or _of_folder(client, bucket, key)
        if found is None:
            raise NoFingerprintError(f"there is no object {value}, and none in a folder of this name")
        return found


def _of_object(client: S3Client, bucket: str, key: str) -> str | None:
    named = _OF_VERSION.fullmatch(key)
    asked = {"Key": key} if named is None else {"Key": named["key"], "VersionId": named["version"]}
    try:
        with translate_errors("HeadObject", bucket, asked["Key"]):
            answer = client.head_object(Bucket=bucket, **asked)
    except DagsterObjectNotFoundError:
        return None
    version = answer.get("VersionId", "null")
    return f"version {version}" if version != "null" else f"etag {answer['ETag']} {answer['ContentLength']}"


def _of_folder(client: S3Client, bucket: str, key: str) -> str | None:
    folder = key if key.endswith("/") else key + "/"
    objects = sorted((each.key, each.etag, each.size_bytes) for each in transfer.list_objects(client, bucket, folder))
    return f"folder {_digest_of(objects)}" if objects else None


def _digest_of(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()
