"""Bytes that wait: a little in memory, the rest in one private file that vanishes with its process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Self, cast

from core.disk.file_slice import FileSlice

MEMORY_BYTES = 16 << 20


class Spool:
    """Holds what was written to it, one thing after another, until it is closed.

    All of it together takes at most so much memory. What does not fit is in a file without a name, which nobody else
    can open, and of which nothing is left when the process is killed.

    Args:
        memory_bytes: the most memory to take.
    """

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_left = memory_bytes
        self._file: IO[bytes] | None = None

    @contextmanager
    def writing(self) -> Iterator[Spooled]:
        """What to write the next thing to; one at a time. It is whole when the block has ended."""
        spooled = Spooled(self._memory_left, self._opened)
        yield spooled
        self._memory_left -= spooled.finish()

    def _opened(self) -> IO[bytes]:
        import tempfile  # 2 ms to import; few outputs are that large

        if self._file is None:
            opened = tempfile.TemporaryFile(prefix="cloudstore-")  # noqa: SIM115  `close` closes it
            self._file = cast("IO[bytes]", opened)
        return self._file

    def close(self) -> None:
        """Drops everything."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Spooled(io.BufferedIOBase):
    """One thing in a spool. It is written once, and may then be read often and from any thread."""

    def __init__(self, memory_left: int, open_file: Callable[[], IO[bytes]]) -> None:
        super().__init__()
        self._memory: io.BytesIO | None = io.BytesIO()
        self._memory_left = memory_left
        self._open_file = open_file
        self._file: IO[bytes]
        self._start = self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        with memoryview(chunk).cast("B") as view:
            if self._memory is not None and self._length + len(view) > self._memory_left:
                self._leave_memory(self._memory)
            (self._file if self._memory is None else self._memory).write(view)
            self._length += len(view)
            return len(view)

    def _leave_memory(self, memory: io.BytesIO) -> None:
        self._file = self._open_file()
        self._start = self._file.seek(0, io.SEEK_END)
        self._file.write(memory.getbuffer())
        self._memory = None

    def finish(self) -> int:
        """Ends the writing; returns how many bytes of memory it takes."""
        if self._memory is None:
            self._file.flush()
            return 0
        return self._length

    def reading(self) -> IO[bytes]:
        """The bytes as a file that seeks, at its beginning; the spool has to stay open."""
        if self._memory is None:
            return cast("IO[bytes]", FileSlice(self._file.fileno(), self._start, self._length))
        return io.BytesIO(self._memory.getvalue())  # which copies nothing
