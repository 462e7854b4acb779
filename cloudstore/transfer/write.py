"""Bytes into S3: whole objects, streams of any length, creation on condition.

Objects appear whole or not at all. Memory is bounded: an upload holds at most 64 MiB of its stream (two parts of it,
where parts have grown beyond 32 MiB). botocore sends a CRC32 of every body, which the store verifies, unless the
client's checksum mode is "when_required".
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from cloudstore.transfer.creation import Creation
from cloudstore.transfer.multipart import create_by_parts
from cloudstore.transfer.parts import (
    MAX_PART_BYTES,
    left_in_file,
    length_of,
    part_bytes,
    parts_of_file,
    parts_of_stream,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import ChecksumAlgorithmType

_SMALL_BYTES = 1 << 20


class WrittenObject(NamedTuple):
    """What the store said about an object that it took.

    Attributes:
        etag: its ETag; None where the answer had none.
    """

    etag: str | None


def put_bytes(
    client: S3Client,
    bucket: str,
    key: str,
    data: bytes,
    *,
    if_absent: bool = False,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    checksum_algorithm: ChecksumAlgorithmType | None = None,
) -> bool:
    """Stores `data` as one object in one request, which S3 takes up to 5 GiB.

    Args:
        if_absent: store it only where the key has no object yet; of several such writers at once, one succeeds.
        content_type: the object's media type.
        metadata: the object's own metadata. Conditional writes and multipart uploads add a `cloudstore-write-id`, by
            which a writer whose request had to be repeated knows its own object from another's.
        checksum_algorithm: the checksum by which the store verifies the bytes; botocore's choice when None.

    Returns:
        bool: False when `if_absent` and there was an object already, which is left untouched.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    settings = _settings(content_type, metadata, checksum_algorithm)
    return _put(Creation(client, bucket, key, settings, if_absent=if_absent), io.BytesIO(data))


def put_stream(
    client: S3Client,
    bucket: str,
    key: str,
    stream: IO[bytes],
    *,
    if_absent: bool = False,
    content_type: str | None = None,
    metadata: Mapping[str, str] | None = None,
    checksum_algorithm: ChecksumAlgorithmType | None = None,
) -> bool:
    """Stores the rest of `stream` from its position on, up to 5 TiB; it need not seek.

    Up to 16 MiB go in one request, more as a multipart upload: parts of 16 MiB, the size doubling every 1,000 parts,
    up to four at a time. The parts of a file of the system's are not held. When anything fails, Ctrl-C included, the
    parts are deleted. Arguments, result and errors are those of `put_bytes`; errors of the stream pass unchanged.

    It is the store that lets only one of several `if_absent` writers succeed. AWS documents it for completed multipart
    uploads too. SeaweedFS 4.48 and moto 5.2 do not guarantee it there: when uploads of more than 16 MiB are completed
    at the same moment, several writers may be told that they created the object. It is then one of theirs, whole.
    """
    settings = _settings(content_type, metadata, checksum_algorithm)
    creation = Creation(client, bucket, key, settings, if_absent=if_absent)
    left = left_in_file(stream)
    if left > part_bytes(1):
        start = stream.tell()
        stream.seek(left, os.SEEK_CUR)  # as if it had been read
        return create_by_parts(creation, parts_of_file(stream, start, start + left))
    parts = parts_of_stream(stream)
    first, second = next(parts), next(parts)
    if length_of(second):
        return create_by_parts(creation, itertools.chain((first, second), parts))
    return _put(creation, first)


def put_file(
    client: S3Client,
    bucket: str,
    key: str,
    file: IO[bytes],
    *,
    if_absent: bool = False,
    if_match: str | None = None,
    content_type: str | None = None,
    content_encoding: str | None = None,
    metadata: Mapping[str, str] | None = None,
    in_one: bool = False,
) -> WrittenObject | None:
    """Stores the whole of a file that seeks, without holding it: its parts are read as they are sent.

    One request up to 16 MiB, and up to 5 GiB where the write has a condition, so that the store decides it at once;
    else a multipart upload as by `put_stream`. A file that is sent in parts has to be one of the system's, or in
    memory.

    Args:
        if_match: store it only where the object still has this ETag; a missing one raises.
        content_encoding: how the content is packed, "gzip" say.
        in_one: one request up to 5 GiB in any case; no thread is started, which a process that is ending could not.

    Returns:
        The object; None when the condition was not met, and nothing was changed.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    settings = _settings(content_type, metadata, None, content_encoding)
    creation = Creation(client, bucket, key, settings, if_absent=if_absent, if_match=if_match)
    size = file.seek(0, os.SEEK_END)
    if size <= part_bytes(1) or ((if_absent or if_match or in_one) and size <= MAX_PART_BYTES):
        is_created = _put(creation, file)
    else:
        is_created = create_by_parts(creation, parts_of_file(file, 0, size))
    return WrittenObject(creation.etag) if is_created else None


def _put(creation: Creation, body: IO[bytes]) -> bool:
    """Creates an object by one PutObject."""
    settings = (creation.identified_settings if creation.condition else creation.settings) | creation.condition
    # botocore sends bytes along with the headers, which copies them, and files after the server said "continue".
    small = _content(body) if length_of(body) < _SMALL_BYTES else None

    def send() -> str | None:
        body.seek(0)
        answer = creation.client.put_object(
            Bucket=creation.bucket, Key=creation.key, Body=body if small is None else small, **settings
        )
        return answer.get("ETag")

    return creation.create("PutObject", send)


def _content(body: IO[bytes]) -> bytes:
    body.seek(0)
    return body.read()


def _settings(
    content_type: str | None,
    metadata: Mapping[str, str] | None,
    checksum_algorithm: ChecksumAlgorithmType | None,
    content_encoding: str | None = None,
) -> dict[str, Any]:
    named = {
        "ContentType": content_type,
        "ContentEncoding": content_encoding,
        "Metadata": metadata,
        "ChecksumAlgorithm": checksum_algorithm,
    }
    return {name: value for name, value in named.items() if value}
