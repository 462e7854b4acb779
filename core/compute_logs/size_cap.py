"""Keeping the beginning and the end of a log that is too long."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from core.compute_logs.pieces import open_log
from core.disk.atomic_file import atomic_write

LEAST_CAP_BYTES = 4096

_MARK_BYTES = 200  # what the line about the gap takes at most
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4096
_AROUND_BYTES = 64 << 10  # of a cut, in which a secret is looked for that is cut
_MARGIN_BYTES = 1 << 20  # kept around the gap, for that
_PUNCH_HOLE = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE of linux/falloc.h


class SizeCap:
    """The size limit of logs: of a larger log half the limit is kept from its beginning, and half from its end.

    Args:
        max_bytes: the largest log, the line about the gap included; at least 4,096.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.head_bytes = max_bytes // 2
        self.tail_bytes = max_bytes - self.head_bytes - _MARK_BYTES

    def allows(self, size: int) -> bool:
        """Whether a log of `size` bytes stays as it is."""
        return size <= self.max_bytes

    def gap(self, size: int) -> tuple[int, int]:
        """Where the gap begins and ends in a log of `size` bytes, which is too large."""
        return self.head_bytes, size - self.tail_bytes

    def mark(self, size: int) -> bytes:
        """The line in place of the gap."""
        start, end = self.gap(size)
        return f"\n[{end - start:,} bytes were dropped here: a log may have {self.max_bytes:,} bytes]\n".encode()

    def shorten(self, path: Path, mask: Callable[[bytes], bytes], temporary: Path | None = None) -> int:
        """Shortens a complete log that is too large.

        Args:
            path: the log.
            mask: hides secrets in a piece of the log, and keeps its length; it is given what is around the cuts.
            temporary: where the shorter log is until it is whole, in the same folder.

        Returns:
            int: the number of bytes that were dropped.
        """
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            return 0
        if self.allows(size):
            return 0
        start, end = self.gap(size)
        with open_log(path) as whole, atomic_write(path, temporary=temporary) as kept:
            around = max(0, start - _AROUND_BYTES)
            kept.writelines(_chunks(whole.fileno(), 0, around))
            kept.write(_masked(whole.fileno(), around, start, mask))
            kept.write(self.mark(size))
            around = min(size, end + _AROUND_BYTES)
            kept.write(_masked(whole.fileno(), end, around, mask))
            kept.writelines(_chunks(whole.fileno(), around, size))
        return end - start

    def free_gap(self, descriptor: int, size: int) -> None:
        """Frees the disk space of the gap in a log that is being written, if the system can do that.

        Args:
            descriptor: of the log.
            size: the number of bytes, from its beginning, that were shown.
        """
        start = (self.head_bytes + _MARGIN_BYTES) // _BLOCK_BYTES * _BLOCK_BYTES
        length = size - self.tail_bytes - _MARGIN_BYTES - start
        if sys.platform == "linux" and length > _MARGIN_BYTES:
            import ctypes  # 2 ms to import; few logs are that large

            with suppress(AttributeError, OSError):
                libc = ctypes.CDLL(None)
                offset, count = ctypes.c_int64(start), ctypes.c_int64(length)
                libc.fallocate64(ctypes.c_int(descriptor), ctypes.c_int(_PUNCH_HOLE), offset, count)


def _masked(descriptor: int, start: int, end: int, mask: Callable[[bytes], bytes]) -> bytes:
    """The bytes from `start` to `end`, masked together with those before and behind."""
    before = max(0, start - _AROUND_BYTES)
    masked = mask(os.pread(descriptor, end + _AROUND_BYTES - before, before))
    return masked[start - before : end - before]


def _chunks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (chunk := os.pread(descriptor, min(_CHUNK_BYTES, end - start), start)):
        start += len(chunk)
        yield chunk
