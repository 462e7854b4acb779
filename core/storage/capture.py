"""Catching what a step prints, at the file descriptors, with the terminal still showing it.

Descriptors 1 and 2 point straight at files for the time of a step, so output of C extensions, subprocesses and
`os.write` is caught too, and what was written is on disk even if the process is killed. There is no helper process:
a thread copies new bytes from the files to where they would have gone.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

_ECHO_INTERVAL_SECONDS = 0.05
_ECHO_CHUNK_BYTES = 1 << 20

# Descriptors belong to the process, so only one capture can be on at a time in it.
_process_capture = threading.Lock()

Echo = Callable[[bytes], None]


@contextmanager
def capture_output(stdout_path: Path, stderr_path: Path, echo: Echo | None = None) -> Iterator[None]:
    """Writes stdout and stderr of this process and its children to two files while the block runs.

    Where another thread of this process is capturing already, the block's output goes to that capture's files.

    Args:
        stdout_path: overwritten.
        stderr_path: overwritten.
        echo: called from another thread with chunks of output to show; by default they go where they would have
            gone without the capture.
    """
    if not _process_capture.acquire(blocking=False):
        yield
        return
    try:
        with ExitStack() as stack:
            streams = [
                stack.enter_context(_captured_stream("stdout", 1, stdout_path, echo)),
                stack.enter_context(_captured_stream("stderr", 2, stderr_path, echo)),
            ]
            stack.enter_context(_echoing(streams))
            yield
    finally:
        _process_capture.release()


class _CapturedStream:
    """One descriptor's file, read from behind to echo it."""

    def __init__(self, path: Path, show: Echo) -> None:
        self._reader = os.open(path, os.O_RDONLY)
        self._show = show

    def echo_new_bytes(self) -> None:
        while chunk := os.read(self._reader, _ECHO_CHUNK_BYTES):
            self._show(chunk)

    def close(self) -> None:
        os.close(self._reader)


@contextmanager
def _captured_stream(name: str, descriptor: int, path: Path, echo: Echo | None) -> Iterator[_CapturedStream]:
    python_stream: IO[str] = getattr(sys, name)
    _flush(python_stream)
    saved = os.dup(descriptor)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    os.dup2(target, descriptor)
    os.close(target)
    replaced = _fileno(python_stream) != descriptor
    if replaced:  # a notebook or a test runner has put its own object in place; it does not write to the descriptor
        setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), "utf-8", write_through=True))
    show = echo or (_show_on_stream(python_stream) if replaced else _show_on_descriptor(saved))
    captured = _CapturedStream(path, show)
    try:
        yield captured
    finally:
        _flush(getattr(sys, name))
        os.dup2(saved, descriptor)
        if replaced:
            setattr(sys, name, python_stream)
        captured.echo_new_bytes()
        captured.close()
        os.close(saved)


@contextmanager
def _echoing(streams: list[_CapturedStream]) -> Iterator[None]:
    stopped = threading.Event()

    def pump() -> None:
        while not stopped.wait(_ECHO_INTERVAL_SECONDS):
            for stream in streams:
                stream.echo_new_bytes()

    thread = threading.Thread(target=pump, name="compute-log-echo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


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


def _fileno(stream: IO[str] | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError, AttributeError):
        return None
