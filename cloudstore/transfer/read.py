"""Whole objects out of S3, into memory and into files.

Nothing of an object is given out as its whole content unless its length and, where the store has one, its checksum are
right.
"""

from __future__ import annotations

import io
import os
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cloudstore.s3.errors import translate_errors
from cloudstore.transfer.answers import check_crc32, is_range, whole_crc32
from cloudstore.transfer.common import CHUNK_BYTES, pause, require
from core.errors import DagsterObjectCorruptError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_READ_ATTEMPTS = 5


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
    target = Path(path)
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
    try:
        with os.fdopen(descriptor, "wb") as sink:
            _fetch(client, bucket, key, sink)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _fetch(client: S3Client, bucket: str, key: str, sink: IO[bytes]) -> None:
    """Writes the whole object to `sink`. Goes on where a connection broke, as long as the object is the same.

    botocore verifies the checksum of an answer that is read to its end; of one that broke off, and went on, this does.
    """
    position, size, breaks, checksum, expected, etag = 0, 1, 0, 0, "", ""
    pinned: dict[str, Any] = {}
    while position < size:
        with translate_errors("GetObject", bucket, key):
            answer = client.get_object(Bucket=bucket, Key=key, **pinned)
        try:
            require(answer, ("ContentLength", "ETag"), "GetObject", bucket, key)
            if not is_range(answer):  # the first answer; or a server that does not know ranges
                position, size, checksum = sink.seek(0), answer["ContentLength"], 0
                sink.truncate()
                expected, etag = whole_crc32(answer), answer["ETag"]
            with translate_errors("GetObject", bucket, key):
                while chunk := answer["Body"].read(CHUNK_BYTES):
                    sink.write(chunk)
                    checksum = zlib.crc32(chunk, checksum)
                    position += len(chunk)
                    breaks = 0 if len(chunk) == CHUNK_BYTES else breaks  # or crumbs would keep it going for hours
        except DagsterObjectCorruptError:
            raise
        except DagsterObjectStoreError:
            breaks += 1
            if breaks == _READ_ATTEMPTS:
                raise
            pause(breaks)
            # What the headers say counts once a byte came after them: they may have been cut, too.
            pinned = {"IfMatch": etag, "Range": f"bytes={position}-"} if position else {}
        finally:
            answer["Body"].close()
    if pinned:
        check_crc32(expected, checksum, bucket, key)
