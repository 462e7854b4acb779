"""Catching what a step prints, at the file descriptors, with the terminal still showing it.

Descriptors 1 and 2 point straight at files for the time of a step, so output of C extensions, subprocesses and
`os.write` is caught too, and what was written is on disk even if the process is killed. There is no helper process:
one thread a run copies new bytes from the files to where they would have gone. Another gives the files their names, so
that a log can be read also while the terminal takes nothing.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.compute_logs.capturing.captured_file import LogFile
from core.compute_logs.capturing.captured_stream import CapturedStream, Echo, captured_stream, flush_all, open_if_closed
from core.compute_logs.capturing.left_children import Children
from core.compute_logs.size_cap import SizeCap
from core.forks import reset_in_forked_children

_LOOK_SECONDS = 0.05

# Descriptors belong to the process, so only one capture can be on at a time in it.
_process_capture = threading.Lock()


def _flush_if_capturing() -> None:
    """Before a fork: or what a step has printed until now would be in its log once more, when its child ends."""
    if _process_capture.locked():
        flush_all()


os.register_at_fork(before=_flush_if_capturing)


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
        self._unused: dict[str, LogFile] = {}
        self._streams: list[CapturedStream] = []
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says: what the parent captures, the parent shows, in files of its own."""
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
    def capture(
        self, stdout_path: str | Path, stderr_path: str | Path, echo: Echo | None = None, is_only: bool = False
    ) -> Iterator[None]:
        """Writes stdout and stderr of this process and its children to two files while the block runs.

        Where another thread of this process is capturing already, the block's output goes to that capture's files.

        Args:
            stdout_path: replaced; not there where nothing is written to it.
            stderr_path: likewise. Both in one folder, which is made when it is not there.
            echo: called, also from another thread, with chunks of output to show; by default they go where they
                would have gone without the capture.
            is_only: whether this process, which may be killed, captures nothing else: the files have their names from
                the first byte on, so that whoever finds them knows what they are.
        """
        if not _process_capture.acquire(blocking=False):
            yield
            return
        flush_all()
        files: list[LogFile] = []
        children = Children()
        try:
            for descriptor in (0, 1, 2):
                open_if_closed(descriptor)
            files += [self._file_for(str(stdout_path), is_only)]
            files += [self._file_for(str(stderr_path), is_only)]
            with (
                captured_stream("stdout", 1, files[0], echo) as stdout,
                captured_stream("stderr", 2, files[1], echo) as stderr,
            ):
                self._begin([stdout, stderr])
                try:
                    yield
                finally:
                    self._end()
                    flush_all()
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
                flush_all()
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

    def _file_for(self, path: str, is_named: bool) -> LogFile:
        if is_named:
            return LogFile.named(path)
        # No pathlib on the way of a step that prints nothing: it would take a good part of its time.
        nameless_path = f"{path.rpartition('/')[0]}/{self.nameless_stem}.{path.rpartition('.')[2]}"
        with self._lock:  # or `close` might delete the file that is made here
            file = self._unused.pop(nameless_path, None) or LogFile(nameless_path)
        file.path = path
        return file

    def _keep_unused(self, files: list[LogFile], is_in_use: bool) -> None:
        for file in files:
            if file.is_empty and not is_in_use and file.path != file.nameless_path:
                self._unused[file.nameless_path] = file
            else:
                if is_in_use:
                    file.give_name()
                file.close()

    def _begin(self, streams: list[CapturedStream]) -> None:
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
