"""Whole objects out of S3, into memory and into files.

Nothing is given out as an object's whole content unless its length is right, and its checksum, where the store has one.
"""

from __future__ import annotations

import io
import os
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cloudstore.transfer.answers import check_crc32
from cloudstore.transfer.resuming import PinnedObject
from core.disk.atomic_file import atomic_write

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def get_bytes(client: S3Client, bucket: str, key: str) -> bytes:
    """The whole content of an object; held in memory once.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    content = io.BytesIO()
    _fetch(client, bucket, key, content)
    return content.getvalue()


def download(client: S3Client, bucket: str, key: str, path: str | os.PathLike[str]) -> None:
    """Stores an object as the file `path`, replacing one that is there; it appears there whole or not at all.

    Raises:
        DagsterObjectStoreError: as `translate_errors`; OSError: when the file cannot be written.
    """
    with atomic_write(Path(path)) as sink:
        _fetch(client, bucket, key, sink)


def _fetch(client: S3Client, bucket: str, key: str, sink: IO[bytes]) -> None:
    """Writes the whole object to `sink`."""
    source, checksum = PinnedObject(client, bucket, key), 0
    _, body = source.get()
    with closing(body):
        while chunk := body.read():
            sink.write(chunk)
            checksum = zlib.crc32(chunk, checksum)
    check_crc32(source.crc32, checksum, bucket, key)
