"""Pointing a stream of the process at a file, and showing what is written there."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, Any

from core.compute_logs.capturing.captured_file import LogFile
from core.compute_logs.size_cap import SizeCap
from core.disk.descriptors import duplicate_out_of_the_way

_ECHO_CHUNK_BYTES = 1 << 20

Echo = Callable[[bytes], None]


class CapturedStream:
    """One stream's file, read from behind to show it."""

    def __init__(self, file: LogFile, show: Echo) -> None:
        self.file = file
        self._show = show
        self._shown = 0

    def show_new_bytes(self, size_cap: SizeCap | None = None) -> None:
        """Shows what was written since the last time; with a cap, frees the disk space of the gap of a large log."""
        # pread leaves the file's own position alone, which belongs to the step that writes
        while chunk := os.pread(self.file.descriptor, _ECHO_CHUNK_BYTES, self._shown):
            self.file.give_name()
            self._shown += len(chunk)
            # The terminal or pipe is gone, or an object in the stream's place is broken. The file has every byte.
            with suppress(Exception):
                self._show(chunk)
            if size_cap is not None:  # after each chunk: a step may print as fast as this shows it
                size_cap.free_gap(self.file.descriptor, self._shown)


@contextmanager
def captured_stream(name: str, descriptor: int, file: LogFile, echo: Echo | None) -> Iterator[CapturedStream]:
    """Points a descriptor, and the stream of that name in `sys`, at a file while the block runs.

    Afterwards both are as they were, whatever the block has done with them: the run, and whoever started it, go on.

    Args:
        name: "stdout" or "stderr".
        descriptor: 1 or 2.
        file: the file.
        echo: shows what is written; None shows it where it would have gone.
    """
    python_stream: IO[str] | None = getattr(sys, name, None)
    # A notebook, a test runner or a progress bar has put its own object in place, which writes elsewhere.
    replaced = not isinstance(python_stream, io.TextIOWrapper) or _fileno(python_stream) != descriptor
    on_stream = python_stream if replaced else None
    saved = duplicate_out_of_the_way(descriptor)
    try:
        show = echo or (_show_on_descriptor(saved) if on_stream is None else _show_on_stream(on_stream))
        captured = CapturedStream(file, show)
        os.dup2(file.descriptor, descriptor)
        if replaced:
            setattr(sys, name, _text_stream(descriptor))
        try:
            yield captured
        finally:
            os.dup2(saved, descriptor)  # also where the block has closed it, or pointed it elsewhere
            setattr(sys, name, python_stream if replaced else _usable(python_stream, descriptor))
            captured.show_new_bytes()
    finally:
        os.close(saved)


def shown_nowhere(_chunk: bytes) -> None:
    """An `Echo` that shows nothing of what is written: it is kept only."""


def shown_as(name: str, echo: Echo | None) -> Echo:
    """What shows output of another process as this process's own.

    Args:
        name: "stdout" or "stderr".
        echo: shows what is written; None shows it where this process's own would go.
    """

    def show(chunk: bytes) -> None:
        stream: IO[str] | None = getattr(sys, name, None)
        descriptor = {"stdout": 1, "stderr": 2}[name]
        is_replaced = not isinstance(stream, io.TextIOWrapper) or _fileno(stream) != descriptor
        with suppress(Exception):  # the terminal or pipe is gone, or an object in the stream's place is broken
            if stream is not None:
                stream.flush()
            (_show_on_stream(stream) if stream is not None and is_replaced else _show_on_descriptor(descriptor))(chunk)

    return echo or show


def _usable(stream: IO[str] | None, descriptor: int) -> IO[str]:
    """The stream that was there before the block, or another one in its place where the block has closed it."""
    with suppress(Exception):  # closed, or without the file that it had
        assert stream is not None
        stream.flush()
        stream.fileno()
        return stream
    return _text_stream(descriptor)


def _text_stream(descriptor: int) -> IO[str]:
    # Text that is not valid Unicode, which such an object may accept, must not fail a step.
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", write_through=True)


def open_if_closed(descriptor: int) -> None:
    """Points a descriptor at nothing, if it is closed."""
    # A daemon may have been started without it; the next file to be opened would get its number.
    try:
        os.fstat(descriptor)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)


def _show_on_descriptor(descriptor: int) -> Echo:
    def show(chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            view = view[os.write(descriptor, view) :]

    return show


def _show_on_stream(stream: IO[str]) -> Echo:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def show(chunk: bytes) -> None:
        stream.write(decoder.decode(chunk))

    return show


def flush_all() -> None:
    """Writes what stdout and stderr have in buffers, of Python and of the C library."""
    for name in ("stdout", "stderr"):
        # Closed, or its reader is gone, or an object in its place that cannot; nothing of the step is lost by that.
        with suppress(Exception):
            getattr(sys, name).flush()
    c_library = _c_library()
    if c_library is not None:  # C code's printf fills a buffer of the C library, apart from Python's
        c_library.fflush(None)


@cache
def _c_library() -> Any:
    """The C library of this process; None where it cannot be reached like this."""
    import ctypes  # 2 ms to import, which processes that execute no step need not spend

    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):
        return None


def _fileno(stream: IO[str]) -> int | None:
    with suppress(Exception):  # as objects in a stream's place do that have none
        return stream.fileno()
    return None
