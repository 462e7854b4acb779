"""Reading an object over connections that may break: it goes on with the next byte, and of the same object."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.answers import bytes_in, is_range, whole_bytes, whole_crc32
from cloudstore.transfer.asking import Attempts, S3AnswerCut, ask, require
from core.errors import DagsterObjectCorruptError, DagsterObjectStoreError

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

RANGE_BYTES = 16 << 20  # of one request, where an object is read by ranges
CHUNK_BYTES = 1 << 20
_BEGINNING_BYTES = 128 << 10

Taken = TypeVar("Taken", bytes, int)


class PinnedObject:
    """An object as its first answer describes it: whatever is read later comes from that very object, or raises.

    It may be used from many threads once the first answer is there.

    Attributes:
        bucket: the bucket.
        key: the object's exact key.
        size_bytes: the object's size; 0 before the first answer.
        crc32: the CRC32 that the store has for the whole object, in base64; "" while no answer has said it.
        etag: the object's ETag; "" before the first answer.
    """

    def __init__(self, client: S3Client, bucket: str, key: str) -> None:
        self._client = client
        self.bucket, self.key = bucket, key
        self.size_bytes, self.crc32, self.etag = 0, "", ""

    @property
    def condition(self) -> dict[str, Any]:
        """dict[str, Any]: the parameters that keep a request from being answered about another object."""
        return {"IfMatch": self.etag} if self.etag else {}

    def get(self, **request: Any) -> tuple[GetObjectOutputTypeDef, ResumingBody]:
        """Sends GetObject with these parameters.

        Headers that were cut look like whole ones, with some missing. Content that follows shows that they are whole,
        so an answer without any is asked for again.

        Returns:
            tuple: the answer; and its body, which the caller closes.

        Raises:
            DagsterObjectStoreError: as `translate_errors`, also where the object was replaced; when five answers in
                a row broke off before any content.
        """
        attempts = Attempts()
        while True:
            answer = self.ask(request)
            try:
                with translate_errors("GetObject", self.bucket, self.key):
                    beginning = answer["Body"].read(_BEGINNING_BYTES)
            except DagsterObjectStoreError as error:
                answer["Body"].close()
                if isinstance(error, DagsterObjectCorruptError) or not attempts.again():
                    raise
            else:
                self.size_bytes, self.etag = whole_bytes(answer), answer["ETag"]
                self.crc32 = self.crc32 or whole_crc32(answer)
                return answer, ResumingBody(self, bytes_in(answer), answer["Body"], beginning)

    def open(self, start: int, end: int) -> ResumingBody:
        """The bytes from `start` up to `end`; the first answer has to be there. The request is sent when reading."""
        return ResumingBody(self, range(start, end))

    def ask(self, request: dict[str, Any]) -> GetObjectOutputTypeDef:
        """An answer to GetObject about this object, with the headers that every answer has."""

        def send() -> GetObjectOutputTypeDef:
            answer = self._client.get_object(Bucket=self.bucket, Key=self.key, **request, **self.condition)
            try:
                require(answer, ("ContentLength", "ETag"), "GetObject", self.bucket, self.key)
                bytes_in(answer)  # raises ValueError where the header was cut, as botocore does for others
                self._check_etag(answer["ETag"])
            except (S3AnswerCut, ValueError):
                answer["Body"].close()
                raise
            return answer

        return ask(send, (), "GetObject", self.bucket, self.key)

    def _check_etag(self, etag: str) -> None:
        if self.etag not in ("", etag):  # by a store that does not look at the condition; or the header was cut
            raise S3AnswerCut(
                f"The object {s3_url(self.bucket, self.key)} was replaced while it was read (GetObject). Read it again."
            )


class ResumingBody:
    """Some bytes of an object. When the connection breaks, it asks for the rest and goes on.

    It gives up when the connection breaks five times before another mebibyte has come. botocore verifies the checksum
    of an answer that is read to its end; where it broke off, the caller has to. A forked child goes on by a connection
    of its own, since on its parent's each would take bytes that the other misses.

    Attributes:
        end: the position after the last of the bytes.

    Args:
        source: the object.
        span: the positions of the bytes.
        stream: the body of an answer that has them; None to ask for it.
        beginning: what has been read of that body.
    """

    def __init__(
        self, source: PinnedObject, span: range, stream: StreamingBody | None = None, beginning: bytes = b""
    ) -> None:
        self._source, self._stream, self._beginning = source, stream, beginning
        self._position, self.end = span.start + len(beginning), span.stop
        self._is_resumed = stream is None
        self._attempts, self._since_break = Attempts(), 0
        self._pid = os.getpid()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, and up to a mebibyte; maybe fewer, but none at the end only.

        Raises:
            DagsterObjectStoreError: as `translate_errors`, also where the object was replaced.
        """
        most = CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES)
        if self._beginning:
            return self._take_beginning(most)
        return self._from_stream(most, lambda stream, wanted: stream.read(wanted), len) or b""

    def readinto(self, buffer: memoryview) -> int:
        """As `read`, into a buffer; returns the number of bytes."""
        if self._beginning:
            piece = self._take_beginning(len(buffer))
            buffer[: len(piece)] = piece
            return len(piece)
        into: Any = buffer  # the stubs of readinto want a file
        return self._from_stream(len(buffer), lambda stream, wanted: stream.readinto(into[:wanted]), int) or 0

    def close(self) -> None:
        """Closes the connection, unless all was read."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _take_beginning(self, size: int) -> bytes:
        piece, self._beginning = self._beginning[:size], self._beginning[size:]
        return piece

    def _wanted(self, size: int) -> int:
        """How many bytes to ask the stream for."""
        left = self.end - self._position
        # Asked at its end, an answer compares the checksum that came with it; one that has the rest only has none.
        return size if not left and not self._is_resumed else min(size, left)

    def _from_stream(
        self, size: int, take: Callable[[StreamingBody, int], Taken], length: Callable[[Taken], int]
    ) -> Taken | None:
        """What `take` gets, given the stream and how much is wanted; None at the end."""
        if self._pid != os.getpid():
            self.close()
            self._is_resumed, self._pid = True, os.getpid()
        while wanted := self._wanted(size):
            answer = None
            if self._stream is None:
                answer = self._source.ask({"Range": f"bytes={self._position}-{self.end - 1}"})
                self._stream = answer["Body"]
            try:
                with translate_errors("GetObject", self._source.bucket, self._source.key):
                    if answer is not None:
                        self._skip(answer, self._stream)
                    taken = take(self._stream, wanted)
                    self._count(length(taken))
                    return taken
            except DagsterObjectStoreError as error:
                self.close()
                self._is_resumed, self._since_break = True, 0
                if isinstance(error, DagsterObjectCorruptError) or not self._attempts.again():
                    raise
        return None

    def _skip(self, answer: GetObjectOutputTypeDef, stream: StreamingBody) -> None:
        """Goes to the next byte in a new answer, which a server that does not know ranges begins with the first."""
        where = s3_url(self._source.bucket, self._source.key)
        if is_range(answer) and bytes_in(answer).start != self._position:
            raise S3AnswerCut(f"GetObject on {where}: the store's answer has another range than it was asked for.")
        left = self._position - bytes_in(answer).start
        while left:
            piece = stream.read(min(left, CHUNK_BYTES))
            if not piece:
                raise S3AnswerCut(f"GetObject on {where} gave fewer bytes than the object has.")
            left -= len(piece)

    def _count(self, count: int) -> None:
        if not count and self._position < self.end:
            where = s3_url(self._source.bucket, self._source.key)
            raise S3AnswerCut(f"GetObject on {where} gave fewer bytes than the object has.")
        self._position += count
        self._since_break += count
        if self._since_break >= CHUNK_BYTES:  # a few bytes do not count, or crumbs would keep it going for hours
            self._attempts.restart()
