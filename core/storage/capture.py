"""Catching what a step prints, at the file descriptors, with the terminal still showing it.

Descriptors 1 and 2 point straight at files for the time of a step, so output of C extensions, subprocesses and
`os.write` is caught too, and what was written is on disk even if the process is killed. There is no helper process:
one thread a run copies new bytes from the files to where they would have gone.
"""

from __future__ import annotations

import codecs
import ctypes
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_ECHO_INTERVAL_SECONDS = 0.05
_ECHO_CHUNK_BYTES = 1 << 20
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)

try:
    _c_library: ctypes.CDLL | None = ctypes.CDLL(None)
except (OSError, TypeError):
    _c_library = None  # no C library that can be reached like this

# Descriptors belong to the process, so only one capture can be on at a time in it.
_process_capture = threading.Lock()

Echo = Callable[[bytes], None]


class OutputCapture:
    """Captures the output of one step after another; `close` ends its thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: list[_CapturedStream] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def capture(self, stdout_path: Path, stderr_path: Path, echo: Echo | None = None) -> Iterator[None]:
        """Writes stdout and stderr of this process and its children to two files while the block runs.

        Where another thread of this process is capturing already, the block's output goes to that capture's files.

        Args:
            stdout_path: overwritten.
            stderr_path: overwritten.
            echo: called, also from another thread, with chunks of output to show; by default they go where they
                would have gone without the capture.
        """
        if not _process_capture.acquire(blocking=False):
            yield
            return
        try:
            with (
                _captured_stream("stdout", 1, stdout_path, echo) as stdout,
                _captured_stream("stderr", 2, stderr_path, echo) as stderr,
            ):
                self._show_from_now_on([stdout, stderr])
                try:
                    yield
                finally:
                    self._show_from_now_on([])
        finally:
            _process_capture.release()

    def close(self) -> None:
        """Ends the thread; the next capture starts another."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._closing.set()
            thread.join()

    def _show_from_now_on(self, streams: list[_CapturedStream]) -> None:
        with self._lock:
            self._streams = streams
        if streams and self._thread is None:
            self._closing.clear()
            self._thread = threading.Thread(target=self._keep_showing, name="compute-log-echo", daemon=True)
            self._thread.start()

    def _keep_showing(self) -> None:
        while not self._closing.wait(_ECHO_INTERVAL_SECONDS):
            with self._lock:
                for stream in self._streams:
                    stream.show_new_bytes()


class _CapturedStream:
    """One stream's file, read from behind to show it."""

    def __init__(self, file_descriptor: int, show: Echo) -> None:
        self._file_descriptor = file_descriptor
        self._show = show
        self._shown = 0

    def show_new_bytes(self) -> None:
        # pread leaves the file's own position alone, which belongs to the step that writes
        while chunk := os.pread(self._file_descriptor, _ECHO_CHUNK_BYTES, self._shown):
            self._shown += len(chunk)
            self._show(chunk)


@contextmanager
def _captured_stream(name: str, descriptor: int, path: Path, echo: Echo | None) -> Iterator[_CapturedStream]:
    python_stream: IO[str] = getattr(sys, name)
    _flush(python_stream)
    _flush_c_streams()
    target = os.open(path, _FILE_FLAGS, 0o644)
    saved = os.dup(descriptor)
    os.dup2(target, descriptor)
    replaced = _fileno(python_stream) != descriptor
    if replaced:  # a notebook or a test runner has put its own object in place; it does not write to the descriptor
        setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), "utf-8", write_through=True))
    show = echo or (_show_on_stream(python_stream) if replaced else _show_on_descriptor(saved))
    captured = _CapturedStream(target, show)
    try:
        yield captured
    finally:
        _flush(getattr(sys, name))
        _flush_c_streams()
        os.dup2(saved, descriptor)
        if replaced:
            setattr(sys, name, python_stream)
        captured.show_new_bytes()
        os.close(target)
        os.close(saved)


def _show_on_descriptor(descriptor: int) -> Echo:
    def show(chunk: bytes) -> None:
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            return  # the terminal or pipe behind it is gone; the file has every byte

    return show


def _show_on_stream(stream: IO[str]) -> Echo:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def show(chunk: bytes) -> None:
        try:
            stream.write(decoder.decode(chunk))
        except (OSError, ValueError):
            return  # as above: closed by whoever put it there

    return show


def _flush(stream: IO[str] | None) -> None:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        return  # closed, or its reader is gone; nothing of the step is lost by that


def _flush_c_streams() -> None:
    # C code's printf fills a buffer of the C library, apart from Python's
    if _c_library is not None:
        _c_library.fflush(None)


def _fileno(stream: IO[str] | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError, AttributeError):
        return None
