"""Bytes out of S3: whole objects, files, and streams that seek.

A reader holds about 1 MiB. Nothing of an object is given out as its whole content unless its length and, where the
store has one, its checksum are right.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cloudstore.errors import translate_errors
from cloudstore.keys import s3_url
from cloudstore.transfer.common import CHUNK_BYTES, pause, require
from core.errors import DagsterObjectCorruptError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RANGE_BYTES = 16 << 20  # of one request of a stream that is read

_BUFFER_BYTES = 128 << 10
_READ_ATTEMPTS = 5
_RANGE = re.compile(r"bytes (\d+)-(\d+)/")


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


def open_stream(client: S3Client, bucket: str, key: str) -> IO[bytes]:
    """Opens an object for reading, without fetching it first: by ranges of 16 MiB, as they are read.

    Returns:
        IO: a seekable stream of the object as it is now; when it is replaced meanwhile, reading on raises.

    Raises:
        DagsterObjectStoreError: as `translate_errors`, now or when reading.
    """
    import smart_open.s3  # lazy: it takes 200 ms to import, boto3 included

    with translate_errors("GetObject", bucket, key):
        # Not smart_open.open(), which parses a URL: what stands behind "?" in a key would be lost.
        reader = smart_open.s3.open(
            bucket, key, "rb", client=_SameObject(client), buffer_size=_BUFFER_BYTES, range_chunk_size=RANGE_BYTES
        )
    return io.BufferedReader(_ObjectReader(reader, bucket, key), _BUFFER_BYTES)


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
            if not _is_range(answer):  # the first answer; or a server that does not know ranges
                position, size, checksum = sink.seek(0), answer["ContentLength"], 0
                sink.truncate()
                expected, etag = answer.get("ChecksumCRC32", ""), answer["ETag"]
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
    if pinned and not _is_sum(expected, checksum):
        raise DagsterObjectCorruptError(
            f"The bytes read from {s3_url(bucket, key)} do not have the checksum that was stored with them."
        )


def _is_sum(expected: str, checksum: int) -> bool:
    """Whether a CRC32 is the one that S3 tells; it tells none, or one of parts with a "-", for some objects."""
    return not expected or "-" in expected or b64decode(expected) == checksum.to_bytes(4, "big")


def _is_range(answer: Any) -> bool:
    return bool(answer["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.PARTIAL_CONTENT)


class _SameObject:
    """As much of a client as smart_open needs: every range comes from the object that the first one came from."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._pin: dict[str, Any] = {}

    def get_object(self, **request: Any) -> Any:
        """As the client's, with a body that goes on where its connection broke."""
        for attempt in range(1, _READ_ATTEMPTS + 1):
            answer = self._client.get_object(**request, **self._pin)
            try:
                needed = ("ContentLength", "ETag", *["ContentRange"] * _is_range(answer))
                require(answer, needed, "GetObject", request["Bucket"], request["Key"])
                body = _RangeBody(self._client, request, answer)
            except DagsterObjectStoreError:
                if attempt == _READ_ATTEMPTS:
                    raise
                pause(attempt)
            else:
                self._pin = {"IfMatch": answer["ETag"]}
                return answer | {"Body": body}
        raise AssertionError("the last attempt returned or raised")


class _RangeBody:
    """The bytes of an answer, as smart_open reads them. Goes on where the connection broke.

    smart_open asks again by itself, but after pauses of up to 16 s, and it trusts headers that may have been cut, too.

    Raises:
        DagsterObjectStoreError: the connection broke before the first byte, which proves the headers whole.
    """

    def __init__(self, client: S3Client, request: dict[str, Any], answer: Any) -> None:
        self._client, self._body, self._breaks = client, answer["Body"], 0
        self._bucket, self._key, self._etag = request["Bucket"], request["Key"], answer["ETag"]
        span = _RANGE.match(answer.get("ContentRange", ""))
        self._next, self._last = (int(span[1]), span[2]) if span else (0, "")
        self._beginning = self._take(_BUFFER_BYTES)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, maybe fewer; none at the end only."""
        if self._beginning:
            piece = self._beginning[: None if size < 0 else size]
            self._beginning = self._beginning[len(piece) :]
            return piece
        while True:
            try:
                return self._take(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
            except DagsterObjectStoreError:
                self._breaks += 1
                if self._breaks == _READ_ATTEMPTS:
                    raise
                pause(self._breaks)
                self._reopen()

    def close(self) -> None:
        self._body.close()

    def _take(self, size: int) -> bytes:
        with translate_errors("GetObject", self._bucket, self._key):
            piece: bytes = self._body.read(size)
        self._next += len(piece)
        return piece

    def _reopen(self) -> None:
        self.close()
        span = f"bytes={self._next}-{self._last}"
        with translate_errors("GetObject", self._bucket, self._key):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key, Range=span, IfMatch=self._etag)
        if not _is_range(answer):
            raise DagsterObjectStoreError(
                f"GetObject on {s3_url(self._bucket, self._key)} broke off, and the store cannot go on from a byte."
            )
        self._body = answer["Body"]


class _ObjectReader(io.RawIOBase):
    """A smart_open reader whose errors are translated."""

    def __init__(self, reader: io.BufferedIOBase, bucket: str, key: str) -> None:
        super().__init__()
        self._reader, self._bucket, self._key = reader, bucket, key

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._translated():
            chunk = self._reader.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def tell(self) -> int:
        return self._reader.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with self._translated():
            return self._reader.seek(offset, whence)

    def close(self) -> None:
        self._reader.close()
        super().close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translate_errors("GetObject", self._bucket, self._key):
                yield
        except DagsterObjectStoreError:
            raise
        except OSError as error:  # what smart_open raises after it reconnected five times
            raise DagsterObjectStoreError(
                f"Reading {s3_url(self._bucket, self._key)} broke off again and again: {error}"
            ) from error
