"""The content of an object in memory, in pieces that are given back to the system as they are read.

A value that is decoded from it grows while the pieces go, so the two together take little more than one of them.
"""

from __future__ import annotations

import io
import mmap
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

PIECE_BYTES = 4 << 20  # ranges are a multiple of it
_SLICE_BYTES = 256 << 10


class Content:
    """The whole content of an object, and what was stored with it.

    Attributes:
        size_bytes: its size.
        metadata: the object's own metadata.
        etag: its ETag.
        sha256: of the bytes that are here, in hexadecimal digits.
        stored_crc32: the CRC32 that the store has, in base64; "" where it has none.
    """

    def __init__(self, size_bytes: int, metadata: Mapping[str, str], etag: str = "", stored_crc32: str = "") -> None:
        self.size_bytes = size_bytes
        self.metadata = metadata
        self.etag = etag
        self.sha256 = ""
        self.stored_crc32 = stored_crc32
        starts = range(0, size_bytes, PIECE_BYTES)
        self._pieces = deque(_new_piece(min(PIECE_BYTES, size_bytes - start)) for start in starts)

    def open(self) -> IO[bytes]:
        """The content as a stream that does not seek, and drops the bytes once read: the content is gone afterwards."""
        pieces, self._pieces = self._pieces, deque()
        return cast("IO[bytes]", _PieceReader(pieces))

    def slices(self, start: int, end: int) -> Iterator[memoryview]:
        """The memory of the bytes from `start` up to `end`, in order, a little at a time."""
        while start < end:
            index, offset = divmod(start, PIECE_BYTES)
            part = self._pieces[index][offset : offset + min(_SLICE_BYTES, end - start)]
            yield part
            start += len(part)

    def has_stored_crc32(self) -> bool:
        """Whether the bytes have the CRC32 that the store has; True where it has none."""
        checksum = 0
        for part in self.slices(0, self.size_bytes if self.stored_crc32 else 0):
            checksum = zlib.crc32(part, checksum)
        return not self.stored_crc32 or b64decode(self.stored_crc32) == checksum.to_bytes(4, "big")


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
        return bytes(self._take(size if size >= 0 else _SLICE_BYTES))

    def _take(self, most: float) -> memoryview:
        """Bytes of the first piece, which is let go of with its last byte."""
        if not self._pieces:
            return memoryview(b"")
        piece = self._pieces[0]
        if len(piece) <= most:
            return self._pieces.popleft()
        self._pieces[0] = piece[int(most) :]
        return piece[: int(most)]
