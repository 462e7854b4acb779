"""Objects of S3 as streams that seek. A stream holds about 1 MiB."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from cloudstore.s3.errors import S3ConditionFailed, answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.answers import check_crc32, whole_crc32
from cloudstore.transfer.asking import ask
from cloudstore.transfer.resuming import RANGE_BYTES, PinnedObject
from core.errors import DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

_BUFFER_BYTES = 128 << 10


def open_stream(client: S3Client, bucket: str, key: str) -> IO[bytes]:
    """Opens an object for reading, without fetching it first: by ranges of 16 MiB, as they are read.

    An object that is read in order from its first byte to its last is checked: before the last bytes are given out,
    the CRC32 of all is compared with the one that the store has for the whole object. Stores that do not send it with
    a range are asked for it, by one HeadObject. Seeking ends the check, until the first byte is read again; bytes read
    out of order are not checked, nor are objects without such a sum, nor anything with a client that takes checksums
    only `when_required`.

    Returns:
        IO: a seekable stream of the object as it is now; if it is replaced meanwhile, reading on raises.

    Raises:
        DagsterObjectCorruptError: the bytes are not those that were stored; raised when the last of them are read.
            The stream is closed then.
        DagsterObjectStoreError: as `translate_errors`, now or when reading.
    """
    import smart_open.s3  # lazy: it takes 200 ms to import, boto3 included

    source = PinnedObject(client, bucket, key)
    with translate_errors("GetObject", bucket, key):
        # Not smart_open.open(), which parses a URL: what stands behind "?" in a key would be lost.
        reader = smart_open.s3.open(
            bucket, key, "rb", client=_PinnedClient(source), buffer_size=_BUFFER_BYTES, range_chunk_size=RANGE_BYTES
        )
    return io.BufferedReader(_ObjectReader(reader, source, client), _BUFFER_BYTES)


class _PinnedClient:
    """As much of a client as smart_open needs: every range comes from one object."""

    def __init__(self, source: PinnedObject) -> None:
        self._source = source

    def get_object(self, *, Bucket: str, Key: str, **request: Any) -> dict[str, Any]:
        """As the client's, of the source whatever the names are, with a body that resumes."""
        try:
            answer, body = self._source.get(**request)
        except DagsterObjectStoreError as error:
            if error.__cause__ is not None and code_of(answer_to(error)) == "InvalidRange":
                raise error.__cause__ from None  # by which smart_open recognises the end of an object
            raise
        return {**answer, "Body": body}


def _told_crc32(client: S3Client, source: PinnedObject) -> str:
    """The CRC32 that the store has for the whole object, asked by a HEAD; "" where it has none."""

    def head() -> HeadObjectOutputTypeDef:
        return client.head_object(Bucket=source.bucket, Key=source.key, ChecksumMode="ENABLED", **source.condition)

    try:
        return whole_crc32(ask(head, ("ContentLength", "ETag"), "HeadObject", source.bucket, source.key))
    except S3ConditionFailed as error:
        raise DagsterObjectStoreError(
            f"The object {s3_url(source.bucket, source.key)} was replaced while it was read (HeadObject). "
            "Read it again."
        ) from error


class _ObjectReader(io.RawIOBase):
    """A smart_open reader whose errors are translated, and whose bytes are checked when all were read in order."""

    def __init__(self, reader: io.BufferedIOBase, source: PinnedObject, client: S3Client) -> None:
        super().__init__()
        self._reader, self._source, self._client = reader, source, client
        self._summed_bytes = self._crc32 = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        start = self._reader.tell()
        with self._translated():
            chunk = self._reader.read(len(buffer))
        self._sum(start, chunk)
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

    def _sum(self, start: int, chunk: bytes) -> None:
        if start == 0:
            self._summed_bytes = self._crc32 = 0
        if start != self._summed_bytes or not chunk:
            return
        self._crc32 = zlib.crc32(chunk, self._crc32)
        self._summed_bytes += len(chunk)
        if self._summed_bytes == self._source.size_bytes:
            try:
                check_crc32(self._stored_crc32(), self._crc32, self._source.bucket, self._source.key)
            except BaseException:
                self.close()  # or reading on would find the end, as if nothing were wrong
                raise

    def _stored_crc32(self) -> str:
        mode = self._client.meta.config.response_checksum_validation  # type: ignore[attr-defined]  # its stubs lack it
        if not self._source.crc32 and mode != "when_required":
            self._source.crc32 = _told_crc32(self._client, self._source)
        return self._source.crc32

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translate_errors("GetObject", self._source.bucket, self._source.key):
                yield
        except DagsterObjectStoreError:
            raise
        except OSError as error:  # smart_open raises it after five reconnections
            raise DagsterObjectStoreError(
                f"Reading {s3_url(self._source.bucket, self._source.key)} broke off again and again: {error}"
            ) from error
