"""Objects of S3 as streams that seek. A stream holds about 1 MiB."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from cloudstore.s3.errors import S3ConditionFailed, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.answers import check_crc32, is_range, whole_bytes, whole_crc32
from cloudstore.transfer.common import ask, pause, require
from cloudstore.transfer.range_body import BUFFER_BYTES, READ_ATTEMPTS, RangeBody
from core.errors import DagsterObjectCorruptError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RANGE_BYTES = 16 << 20  # of one request of a stream that is read


def open_stream(client: S3Client, bucket: str, key: str) -> IO[bytes]:
    """Opens an object for reading, without fetching it first: by ranges of 16 MiB, as they are read.

    Read in order from its first byte to its last, it is checked: before the last bytes are given out, the CRC32 of
    all is held against the one that the store has for the whole object. Stores that do not tell it with a range are
    asked for it, by one HeadObject. Seeking ends the check, until the first byte is read again; what is read out of
    order is not checked, nor are objects without such a sum, nor anything by a client that takes checksums only
    `when_required`.

    Returns:
        IO: a seekable stream of the object as it is now; when it is replaced meanwhile, reading on raises.

    Raises:
        DagsterObjectCorruptError: the bytes are not those that were stored; raised when the last of them are read.
            The stream is closed then.
        DagsterObjectStoreError: as `translate_errors`, now or when reading.
    """
    import smart_open.s3  # lazy: it takes 200 ms to import, boto3 included

    same = _SameObject(client, bucket, key)
    with translate_errors("GetObject", bucket, key):
        # Not smart_open.open(), which parses a URL: what stands behind "?" in a key would be lost.
        reader = smart_open.s3.open(
            bucket, key, "rb", client=same, buffer_size=BUFFER_BYTES, range_chunk_size=RANGE_BYTES
        )
    return io.BufferedReader(_ObjectReader(reader, same, bucket, key), BUFFER_BYTES)


class _SameObject:
    """As much of a client as smart_open needs: every range comes from the object that the first one came from.

    Attributes:
        size_bytes: the object's size; 0 before the first answer.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._pin: dict[str, Any] = {}
        self._crc32 = ""
        self.size_bytes = 0

    def get_object(self, **request: Any) -> Any:
        """As the client's, with a body that goes on where its connection broke."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            answer = self._client.get_object(**request, **self._pin)
            try:
                needed = ("ContentLength", "ETag", *["ContentRange"] * is_range(answer))
                require(answer, needed, "GetObject", self._bucket, self._key)
                body = RangeBody(self._client, request, answer)
            except DagsterObjectCorruptError:
                raise
            except DagsterObjectStoreError:
                if attempt == READ_ATTEMPTS:
                    raise
                pause(attempt)
            else:
                self._pin = {"IfMatch": answer["ETag"]}
                self.size_bytes, self._crc32 = whole_bytes(answer), self._crc32 or whole_crc32(answer)
                return answer | {"Body": body}
        raise AssertionError("the last attempt returned or raised")

    def check(self, checksum: int) -> None:
        """Holds the CRC32 of all its bytes against the stored one.

        Raises:
            DagsterObjectCorruptError: they differ; DagsterObjectStoreError: the store cannot be asked for it.
        """
        # Config has it; its stubs do not.
        mode = self._client.meta.config.response_checksum_validation  # type: ignore[attr-defined]  # its stubs lack it
        if not self._crc32 and mode != "when_required":
            self._crc32 = self._stored_crc32()
        check_crc32(self._crc32, checksum, self._bucket, self._key)

    def _stored_crc32(self) -> str:
        def head() -> Any:
            return self._client.head_object(Bucket=self._bucket, Key=self._key, ChecksumMode="ENABLED", **self._pin)

        try:
            return whole_crc32(ask(head, ("ContentLength", "ETag"), "HeadObject", self._bucket, self._key))
        except S3ConditionFailed as error:
            raise DagsterObjectStoreError(
                f"The object {s3_url(self._bucket, self._key)} was replaced while it was read (HeadObject). "
                "Read it again."
            ) from error


class _ObjectReader(io.RawIOBase):
    """A smart_open reader whose errors are translated, and whose bytes are checked when all were read in order."""

    def __init__(self, reader: io.BufferedIOBase, same: _SameObject, bucket: str, key: str) -> None:
        super().__init__()
        self._reader, self._same, self._bucket, self._key = reader, same, bucket, key
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
        if self._summed_bytes == self._same.size_bytes:
            try:
                self._same.check(self._crc32)
            except BaseException:
                self.close()  # or who reads on would find the end, as if nothing were wrong
                raise

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
