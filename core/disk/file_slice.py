"""Part of a file as a stream of its own."""

from __future__ import annotations

import io
import os
from typing import Any


class FileSlice(io.RawIOBase):
    """Some bytes of a file. Several slices of one file may be read at once; none moves the file's own position.

    Args:
        descriptor: the file's descriptor, which must stay open.
        start: the first byte.
        length: the number of bytes; all of them must be there.
    """

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        super().__init__()
        self._descriptor, self._start, self._length, self._position = descriptor, start, length, 0

    def part(self, start: int, length: int) -> FileSlice:
        """Some bytes of these, as a stream of its own."""
        return FileSlice(self._descriptor, self._start + start, length)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        left = self._left()
        wanted = left if size is None or size < 0 else min(size, left)
        chunk = os.pread(self._descriptor, wanted, self._start + self._position)
        self._position += len(chunk)
        return chunk

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer).cast("B") as target:
            count = os.preadv(self._descriptor, [target[: self._left()]], self._start + self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def _left(self) -> int:
        return max(0, self._length - self._position)
