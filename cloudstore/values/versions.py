"""Listing and deleting the versions that an IO manager keeps in a bucket.

This needs s3:ListBucket on the bucket and s3:DeleteObject on the objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from cloudstore import transfer
from cloudstore.s3.keys import join_key, s3_url
from core.values.keys import decode_name, encode_name
from core.values.stored_version import StoredVersion, stored_version

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def versions_in_bucket(client: S3Client, bucket: str, folder: str) -> Iterator[StoredVersion]:
    """The versions at `{folder}/{step_key}/{output_name}/[{mapping_key}/]{version}`, 1,000 in each request.

    Other objects are skipped.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket.
        folder: a key, without "/" at its end.

    Raises:
        DagsterObjectStoreError: as `cloudstore.s3.errors.translate_errors`.
    """
    for found in transfer.list_objects(client, bucket, f"{folder}/"):
        names = _names(found.key.removeprefix(f"{folder}/").split("/"))
        stored_at = found.modified_at.astimezone(UTC)
        version = names and stored_version(names, s3_url(bucket, found.key), found.size_bytes, stored_at)
        if version:
            yield version


def delete_in_bucket(client: S3Client, bucket: str, folder: str, stored: Sequence[StoredVersion]) -> None:
    """Deletes versions, 1,000 in each request; missing ones are ignored.

    Raises:
        DagsterObjectStoreError: as `cloudstore.transfer.delete_objects`.
    """
    transfer.delete_objects(client, bucket, [join_key(folder, *each.names) for each in stored])


def is_in_bucket(client: S3Client, bucket: str, folder: str, stored: StoredVersion) -> bool:
    """Whether a version is there; it is listed, so that this takes no further permission."""
    key = join_key(folder, *stored.names)
    return any(found.key == key for found in transfer.list_objects(client, bucket, key))


def _names(segments: Sequence[str]) -> list[str] | None:
    """The names that `encode_name` made `segments` from; None where it makes others from them."""
    try:
        names = [decode_name(segment) for segment in segments]
    except UnicodeDecodeError:
        return None
    return names if [encode_name(name) for name in names] == list(segments) else None
