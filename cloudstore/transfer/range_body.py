"""The body of one answer to a request for a range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.answers import is_range
from cloudstore.transfer.common import CHUNK_BYTES, pause
from core.errors import DagsterObjectCorruptError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUFFER_BYTES = 128 << 10
READ_ATTEMPTS = 5

_RANGE = re.compile(r"bytes (\d+)-(\d+)/")


class RangeBody:
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
        self._beginning = self._take(BUFFER_BYTES)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, maybe fewer; none at the end only."""
        if self._beginning:
            piece = self._beginning[: None if size < 0 else size]
            self._beginning = self._beginning[len(piece) :]
            return piece
        while True:
            try:
                return self._take(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
            except DagsterObjectCorruptError:  # botocore has compared the sum that came with the answer
                raise
            except DagsterObjectStoreError:
                self._breaks += 1
                if self._breaks == READ_ATTEMPTS:
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
        if not is_range(answer):
            raise DagsterObjectStoreError(
                f"GetObject on {s3_url(self._bucket, self._key)} broke off, and the store cannot go on from a byte."
            )
        self._body = answer["Body"]
