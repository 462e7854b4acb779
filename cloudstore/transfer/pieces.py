"""Whole objects in memory, in pieces that are given back to the system as they are read.

What is decoded from such an object grows while the pieces go, so the two together take little more than one of them.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import IO, TYPE_CHECKING, Any, cast

from cloudstore.s3.errors import answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.common import S3AnswerCut, ask, pause
from core.errors import DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PIECE_BYTES = 4 << 20
RANGE_BYTES = 16 << 20  # a multiple of the above
RANGES_AT_ONCE = 4

_READ_BYTES = 256 << 10
_READ_ATTEMPTS = 5


class Content:
    """The whole content of an object, and what was stored with it.

    Attributes:
        size_bytes: its size.
        metadata: the object's own metadata.
        sha256: of the bytes that are here, in hexadecimal digits.
        stored_crc32: what the store tells of the bytes, in base64; "" where it tells nothing.
    """

    def __init__(self, size_bytes: int, metadata: Mapping[str, str], stored_crc32: str = "") -> None:
        self.size_bytes = size_bytes
        self.metadata = metadata
        self.sha256 = ""
        self.stored_crc32 = stored_crc32
        starts = range(0, size_bytes, PIECE_BYTES)
        self._pieces = deque(_new_piece(min(PIECE_BYTES, size_bytes - start)) for start in starts)

    def open(self) -> IO[bytes]:
        """The content as a stream that does not seek, and drops what was read: the content is gone afterwards."""
        pieces, self._pieces = self._pieces, deque()
        return cast("IO[bytes]", _PieceReader(pieces))

    def slices(self, start: int, end: int) -> Iterator[memoryview]:
        """The memory of the bytes from `start` up to `end`, in order, a little at a time."""
        while start < end:
            index, offset = divmod(start, PIECE_BYTES)
            part = self._pieces[index][offset : offset + min(_READ_BYTES, end - start)]
            yield part
            start += len(part)

    def has_stored_crc32(self) -> bool:
        """Whether the bytes have the sum that the store tells; True where it tells none."""
        checksum = 0
        for part in self.slices(0, self.size_bytes if self.stored_crc32 else 0):
            checksum = zlib.crc32(part, checksum)
        return not self.stored_crc32 or b64decode(self.stored_crc32) == checksum.to_bytes(4, "big")


def get_content(client: S3Client, bucket: str, key: str) -> Content:
    """Fetches an object into memory: in one request up to 16 MiB, further ranges of 16 MiB four at a time.

    All of it is of one object, also where that is replaced meanwhile: then this raises. (An empty object takes a
    second request: it has no range, and no store tells its metadata when it says so. Where it lacks metadata, the
    answer may have been cut; see `values.load`.)

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """
    return _Fetch(client, bucket, key).run()


class _Fetch:
    """One object on its way into memory."""

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._stop = Event()

    def run(self) -> Content:
        answer, beginning = self._first_answer()
        with closing(answer["Body"]) as body:
            self._etag, size = answer["ETag"], _whole_size(answer)
            # A server that knows no ranges sends everything in its first answer.
            first = min(size, RANGE_BYTES) if "ContentRange" in answer else size
            crc32 = answer.get("ChecksumCRC32", "") if first == size else ""
            self._content = Content(size, answer["Metadata"], "" if "-" in crc32 else crc32)  # "-": of a sum of parts
            for part in self._content.slices(0, len(beginning)):
                part[:] = beginning
            self._content.sha256 = self._fill_all(body, len(beginning), first, size)
        return self._content

    def _fill_all(self, body: Any, begun: int, first: int, size: int) -> str:
        """Reads everything, and gives the SHA-256 of it, which is taken while later ranges arrive."""
        ranges = [(start, min(start + RANGE_BYTES, size)) for start in range(first, size, RANGE_BYTES)]
        hasher = hashlib.sha256()
        pool = ThreadPoolExecutor(RANGES_AT_ONCE, thread_name_prefix="s3-range")
        try:
            others = [pool.submit(self._fill, start, end) for start, end in ranges]
            self._fill(begun, first, body)
            self._hash(hasher, 0, first)
            for other, (start, end) in zip(others, ranges, strict=True):
                other.result()
                self._hash(hasher, start, end)
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
        return hasher.hexdigest()

    def _first_answer(self) -> tuple[Any, bytes]:
        """An answer, and the first byte of the content if it has any.

        Headers that were cut look like whole ones, with metadata missing. That content follows shows that they are
        whole, so an answer without any is asked for again.
        """
        for attempt in range(1, _READ_ATTEMPTS + 1):
            answer = self._ranged_answer()
            if not _whole_size(answer):
                return answer, b""
            try:
                with translate_errors("GetObject", self._bucket, self._key):
                    beginning = answer["Body"].read(1)
            except DagsterObjectStoreError:
                beginning = b""
            if beginning:
                return answer, beginning
            answer["Body"].close()
            if attempt < _READ_ATTEMPTS:
                pause(attempt)
        raise S3AnswerCut(
            f"GetObject on {s3_url(self._bucket, self._key)}: {_READ_ATTEMPTS} answers broke off before any content."
        )

    def _ranged_answer(self) -> Any:
        try:
            return self._get(Range=f"bytes=0-{RANGE_BYTES - 1}")
        except DagsterObjectStoreError as error:
            if code_of(answer_to(error)) not in ("InvalidRange", "416"):
                raise
            return self._get()  # an empty object has no bytes to ask for

    def _get(self, **request: Any) -> Any:
        def send() -> Any:
            return self._client.get_object(Bucket=self._bucket, Key=self._key, **request)

        return ask(send, ("ContentLength", "ETag"), "GetObject", self._bucket, self._key)

    def _fill(self, start: int, end: int, body: Any = None) -> None:
        """Reads the bytes from `start` up to `end`, from `body` if given. Goes on where a connection broke."""
        breaks = 0
        while start < end:
            stream = body or self._get(Range=f"bytes={start}-{end - 1}", IfMatch=self._etag)["Body"]
            body = None
            try:
                with closing(stream), translate_errors("GetObject", self._bucket, self._key):
                    for part in self._content.slices(start, end):
                        while part and not self._stop.is_set():
                            count = self._read(stream, part)
                            start, part, breaks = start + count, part[count:], 0
                if self._stop.is_set():
                    return
            except DagsterObjectStoreError:
                breaks += 1
                if breaks == _READ_ATTEMPTS:
                    raise
                pause(breaks)

    def _read(self, stream: Any, part: memoryview) -> int:
        count: int = stream.readinto(part)  # raises for an answer that broke off
        if not count:
            raise DagsterObjectStoreError(
                f"GetObject on {s3_url(self._bucket, self._key)} gave fewer bytes than it has."
            )
        return count

    def _hash(self, hasher: Any, start: int, end: int) -> None:
        for part in self._content.slices(start, end):
            hasher.update(part)


def _whole_size(answer: Any) -> int:
    content_range: str = answer.get("ContentRange", "")  # bytes 0-99/1234
    return int(content_range.rpartition("/")[2] if content_range else answer["ContentLength"])


def _new_piece(size: int) -> memoryview:
    if size < PIECE_BYTES:
        return memoryview(bytearray(size))
    # Mapped, because memory that malloc gave stays with the process when it is freed between other allocations.
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


class _PieceReader(io.BufferedIOBase):
    """Reads pieces one after the other, and lets go of each."""

    def __init__(self, pieces: deque[memoryview]) -> None:
        super().__init__()
        self._pieces = pieces

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, as unpickling demands; less only at the end."""
        with memoryview(buffer).cast("B") as target:
            position = 0
            while position < len(target) and (part := self._take(len(target) - position)):
                target[position : position + len(part)] = part
                position += len(part)
        return position

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and 0 <= size <= len(self._pieces[0] if self._pieces else b""):
            return bytes(self._take(size))
        gathered, left = io.BytesIO(), float("inf") if size is None or size < 0 else size
        while left and (part := self._take(left)):
            left -= gathered.write(part)
            del part  # or it would keep its piece while the next is read
        return gathered.getvalue()

    def read1(self, size: int = -1) -> bytes:
        return bytes(self._take(size if size >= 0 else _READ_BYTES))

    def _take(self, most: float) -> memoryview:
        """Bytes of the first piece, which is let go of with its last byte."""
        if not self._pieces:
            return memoryview(b"")
        piece = self._pieces[0]
        if len(piece) <= most:
            return self._pieces.popleft()
        self._pieces[0] = piece[int(most) :]
        return piece[: int(most)]
