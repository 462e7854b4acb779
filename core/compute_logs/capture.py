"""Catching what a step prints, at the file descriptors, with the terminal still showing it.

Descriptors 1 and 2 point straight at files for the time of a step, so output of C extensions, subprocesses and
`os.write` is caught too, and what was written is on disk even if the process is killed. There is no helper process:
one thread a run copies new bytes from the files to where they would have gone. Another gives the files their names, so
that a log can be read also while the terminal takes nothing.
"""

from __future__ import annotations

import codecs
import ctypes
import io
import os
import resource
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from core.compute_logs.size_cap import SizeCap
from core.process.forks import reset_in_forked_children

_LOOK_SECONDS = 0.05
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
    """Captures the output of one step after another; `close` ends its threads.

    A log's file appears when something is written to it. Until then the descriptors point at nameless files, opened
    once for all the steps that print nothing: making a file costs more than all else about a small step. Where a quiet
    step may have left a process running, its log appears empty, and what that process prints later is there.

    Args:
        size_cap: how large a log may be; while a larger one is written, its middle is given back to the disk.
    """

    def __init__(self, size_cap: SizeCap | None = None) -> None:
        self._size_cap = size_cap
        self._own_name = uuid.uuid4().hex
        self._unused: dict[str, _LogFile] = {}
        self._streams: list[_CapturedStream] = []
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.process.forks` says: what the parent captures, the parent shows, in files of its own."""
        for file in self._unused.values():
            os.close(file.descriptor)
        self._unused.clear()
        for stream in self._streams:
            stream.file.naming = threading.Lock()
        self.nameless_stem = f".{os.getpid()}-{self._own_name}"
        self._showing = threading.Lock()  # taken before the other one; a terminal may take long
        self._lock = threading.Lock()  # of what is below
        self._streams = []
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._closes_later = False

    @contextmanager
    def capture(self, stdout_path: str | Path, stderr_path: str | Path, echo: Echo | None = None) -> Iterator[None]:
        """Writes stdout and stderr of this process and its children to two files while the block runs.

        Where another thread of this process is capturing already, the block's output goes to that capture's files.

        Args:
            stdout_path: replaced; not there where nothing is written to it.
            stderr_path: likewise. Both in one folder, which is made when it is not there.
            echo: called, also from another thread, with chunks of output to show; by default they go where they
                would have gone without the capture.
        """
        if not _process_capture.acquire(blocking=False):
            yield
            return
        _flush_all()
        files: list[_LogFile] = []
        children = _Children()
        try:
            for descriptor in (0, 1, 2):
                _open_if_closed(descriptor)
            files += [self._file_for(str(stdout_path))]
            files += [self._file_for(str(stderr_path))]
            with (
                _captured_stream("stdout", 1, files[0], echo) as stdout,
                _captured_stream("stderr", 2, files[1], echo) as stderr,
            ):
                self._begin([stdout, stderr])
                try:
                    yield
                finally:
                    self._end()
                    _flush_all()
                    for stream in (stdout, stderr):  # both before one is shown, which may take long
                        stream.file.name_if_written()
        finally:
            self._keep_unused(files, children.may_be_left())
            _process_capture.release()
            if self._closes_later:
                self.close()

    def show_now(self) -> None:
        """Shows what was written until now."""
        with self._showing:
            if self._streams:
                _flush_all()
            for stream in self._streams:
                stream.show_new_bytes()

    def close(self) -> None:
        """Ends the threads and closes the files that nothing was written to; the next capture opens new ones.

        Where a step is captured, as of another run in another thread, its threads end when it does.
        """
        with self._lock:
            self._closes_later = bool(self._streams)
            ended: list[threading.Thread] = []
            if not self._streams:
                ended, self._threads = self._threads, []
                self._closing.set()
            while self._unused:
                self._unused.popitem()[1].close()
        for thread in ended:
            thread.join()

    def _file_for(self, path: str) -> _LogFile:
        # No pathlib on the way of a step that prints nothing: it would take a good part of its time.
        nameless_path = f"{path.rpartition('/')[0]}/{self.nameless_stem}.{path.rpartition('.')[2]}"
        with self._lock:  # or `close` might delete the file that is made here
            file = self._unused.pop(nameless_path, None) or _LogFile(nameless_path)
        file.path = path
        return file

    def _keep_unused(self, files: list[_LogFile], is_in_use: bool) -> None:
        for file in files:
            if file.is_empty and not is_in_use:
                self._unused[file.nameless_path] = file
            else:
                file.give_name()
                file.close()

    def _begin(self, streams: list[_CapturedStream]) -> None:
        with self._lock:
            self._streams = streams
            if not self._threads:
                self._closing = closing = threading.Event()
                with suppress(RuntimeError):  # there can be no more threads: all is shown when the step ends
                    for work in (self._keep_naming, self._keep_showing):
                        thread = threading.Thread(target=work, args=[closing], name="compute-log-echo", daemon=True)
                        thread.start()
                        self._threads.append(thread)

    def _end(self) -> None:
        with self._showing, self._lock:
            self._streams = []

    def _keep_naming(self, closing: threading.Event) -> None:
        while not closing.wait(_LOOK_SECONDS):
            with self._lock:
                for stream in self._streams:
                    stream.file.name_if_written()

    def _keep_showing(self, closing: threading.Event) -> None:
        while not closing.wait(_LOOK_SECONDS):
            with self._showing:
                for stream in self._streams:
                    stream.show_new_bytes(self._size_cap)


class _Children:
    """Whether processes may be left that a step started, directly or by others."""

    def __init__(self) -> None:
        self._living_before = _living_children()
        self._ended_before = self._of_ended()

    def may_be_left(self) -> bool:
        # One that has ended since may have left one of its own. Processes that nobody waits for are not counted.
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            return True
        return self._of_ended() != self._ended_before or not _living_children() <= self._living_before

    @staticmethod
    def _of_ended() -> int:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt  # no process comes to life without one


def _living_children() -> frozenset[str]:
    """Ids of the processes that this one has started and not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # there are none, as in most processes
        return frozenset()
    try:
        lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:
        lists = []
    return frozenset(" ".join(lists).split()) or frozenset([uuid.uuid4().hex])  # where nothing tells, any may be new


class _LogFile:
    """A file for a log, which takes the log's name when there is something in it."""

    def __init__(self, nameless_path: str) -> None:
        self.nameless_path = nameless_path
        self.descriptor = _created(nameless_path)
        self.path: str | None = None
        self.is_empty = True
        self.naming = threading.Lock()

    def name_if_written(self) -> None:
        if self.is_empty and os.fstat(self.descriptor).st_size:
            self.give_name()

    def give_name(self) -> None:
        with self.naming:  # its content is shown only when it has its name
            if self.is_empty and self.path is not None:
                with suppress(OSError):  # its folder was deleted meanwhile; a step does not fail for its log
                    Path(self.nameless_path).replace(self.path)
                self.is_empty = False

    def close(self) -> None:
        os.close(self.descriptor)
        if self.is_empty:
            with suppress(OSError):
                Path(self.nameless_path).unlink()


def _created(path: str) -> int:
    """The descriptor of a file in a folder that is made when it is not there."""
    while True:
        try:
            return os.open(path, _FILE_FLAGS, 0o644)
        except FileNotFoundError:  # also when somebody has deleted the folder just now, because it was empty
            Path(path).parent.mkdir(parents=True, exist_ok=True)


class _CapturedStream:
    """One stream's file, read from behind to show it."""

    def __init__(self, file: _LogFile, show: Echo) -> None:
        self.file = file
        self._show = show
        self._shown = 0

    def show_new_bytes(self, size_cap: SizeCap | None = None) -> None:
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
def _captured_stream(name: str, descriptor: int, file: _LogFile, echo: Echo | None) -> Iterator[_CapturedStream]:
    python_stream: IO[str] | None = getattr(sys, name, None)
    # A notebook, a test runner or a progress bar has put its own object in place, which writes elsewhere.
    replaced = not isinstance(python_stream, io.TextIOWrapper) or _fileno(python_stream) != descriptor
    on_stream = python_stream if replaced else None
    saved = os.dup(descriptor)
    try:
        show = echo or (_show_on_descriptor(saved) if on_stream is None else _show_on_stream(on_stream))
        captured = _CapturedStream(file, show)
        os.dup2(file.descriptor, descriptor)
        if replaced:
            setattr(sys, name, _text_stream(descriptor))
        try:
            yield captured
        finally:
            os.dup2(saved, descriptor)
            if replaced:
                setattr(sys, name, python_stream)
            captured.show_new_bytes()
    finally:
        os.close(saved)


def _text_stream(descriptor: int) -> IO[str]:
    # Text that is not valid Unicode, which such an object may accept, must not fail a step.
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", write_through=True)


def _open_if_closed(descriptor: int) -> None:
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


def _flush_all() -> None:
    for name in ("stdout", "stderr"):
        # Closed, or its reader is gone, or an object in its place that cannot; nothing of the step is lost by that.
        with suppress(Exception):
            getattr(sys, name).flush()
    if _c_library is not None:  # C code's printf fills a buffer of the C library, apart from Python's
        _c_library.fflush(None)


def _fileno(stream: IO[str]) -> int | None:
    with suppress(Exception):  # as objects in a stream's place do that have none
        return stream.fileno()
    return None
