"""Notes on the disk of what this process has begun and not ended, for others to find if it is killed.

A journal is a file of JSON lines that exists only while something is begun. The process holds a lock (flock(2)) on it
as long as it lives, so its death is known exactly, without a clock or a process id. `core.process.dead_journals` reads
the journals of dead processes.
"""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from core.disk.private import make_folder, open_new
from core.printable import printable

_log = logging.getLogger(__name__)
_lock = threading.RLock()
_files: dict[tuple[Path, bytes], JournalFile] = {}
"""The open ones of this process, by folder and head: so there are few, however many clients come and go."""


class Line(msgspec.Struct, frozen=True):
    """A line of a journal after its head.

    Attributes:
        number: which thing it is about.
        entry: what is known of the thing from here on; None when it has ended.
    """

    number: int
    entry: dict[str, Any] | None


class JournalEntry:
    """The entry of a thing that was begun. In a forked child of the process that began it, it does nothing."""

    def __init__(self, file: JournalFile | None, number: int) -> None:
        self._file = file
        self._number = number

    def note(self, entry: Mapping[str, Any]) -> None:
        """Replaces what was noted of the thing before."""
        if self._file is not None:
            self._file.write(Line(self._number, dict(entry)))

    def end(self) -> None:
        """The thing has ended, or was never begun."""
        if self._file is not None:
            self._file.write(Line(self._number, None))


class Journal:
    """Notes what this process begins, of one kind. Safe for many threads; costs nothing until something is begun.

    Args:
        folder: where journals are; it need not be there.
        head: the first line of its file. Journals of a process with the same head share one file.
    """

    def __init__(self, folder: Path, head: bytes) -> None:
        self._key = folder.absolute(), head

    def begin(self, entry: Mapping[str, Any]) -> JournalEntry:
        """Notes that a thing is about to be begun; once this has returned, the note outlives the process.

        It never fails: if the file cannot be written, a warning is logged.

        Args:
            entry: what is known of the thing.
        """
        with _lock:
            file = _files.get(self._key)
            try:
                if file is None:
                    file = _files[self._key] = JournalFile(*self._key)
            except OSError as error:
                _warn(self._key[0], error)
                return JournalEntry(None, 0)
            begun = JournalEntry(file, file.new_number())
            begun.note(entry)
            return begun

    def close(self) -> None:
        """Leaves what has not ended to others, as if this process were dead."""
        with _lock:
            file = _files.pop(self._key, None)
            if file is not None:
                file.close()


class JournalFile:
    """A journal that is being written; deleted when everything that it tells of has ended."""

    def __init__(self, folder: Path, head: bytes) -> None:
        self._key = folder, head
        self._numbers = itertools.count(1)
        self._unended: set[int] = set()
        self._path, self._descriptor = create_locked(folder)
        self._is_open = True
        try:
            self._append(head)
        except OSError:
            self._delete()
            raise

    def new_number(self) -> int:
        """The number of the next thing."""
        number = next(self._numbers)
        self._unended.add(number)
        return number

    def write(self, line: Line) -> None:
        """Appends a line about a thing that has not ended."""
        with _lock:
            if not self._is_open or line.number not in self._unended:
                return
            try:
                self._append(msgspec.json.encode(line))
            except OSError as error:  # what stands there is still true, or the store knows better
                _warn(self._path, error)
            if line.entry is None:
                self._unended.discard(line.number)
            if not self._unended:
                self._delete()

    def _append(self, content: bytes) -> None:
        # In one call, so that a process that is killed leaves the line whole or not at all.
        if os.write(self._descriptor, content + b"\n") <= len(content):
            raise OSError("the disk is full")

    def _delete(self) -> None:
        with suppress(OSError):  # deleted with its instance; or others are in the folder
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()
        self.close()
        _files.pop(self._key, None)

    def close(self) -> None:
        """Closes the file and leaves it on the disk. In a forked child this does not affect the parent's lock."""
        self._is_open = False
        os.close(self._descriptor)


def create_locked(folder: Path) -> tuple[Path, int]:
    """A new file and its descriptor, which no program that this process starts inherits (PEP 446)."""
    while True:
        make_folder(folder)
        path = folder / f"{uuid.uuid4().hex}.jsonl"
        try:
            descriptor = open_new(path, os.O_WRONLY | os.O_EXCL | os.O_APPEND)
        except FileNotFoundError:  # the folder was empty just now, and another process deleted it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)  # a process that recovers took it up before it was locked


def _warn(path: Path, error: OSError) -> None:
    _log.warning(
        "%s cannot be written (%s). If this process is killed, `cloudstore instance prune` and `cloudstore logs drain` "
        "may not find what it has begun.",
        printable(str(path)),
        printable(error.strerror or str(error)),
    )


def _reset_after_fork() -> None:
    """In a forked child: closes its parent's files, whose locks would last as long as the child has them open."""
    global _lock
    _lock = threading.RLock()
    for file in _files.values():
        file.close()
    _files.clear()


# Locked while forking, so that no file is half made then, which the child would keep open.
os.register_at_fork(
    before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_reset_after_fork
)
