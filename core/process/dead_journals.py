"""Journals of what processes began and did not end, as others read them when those processes are dead."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import msgspec

from core.disk.deleting import entries_of
from core.errors import DagsterStorageError
from core.process.journal import Line

Entry = Mapping[str, Any]
_Kind = TypeVar("_Kind")

_LOOK_SECONDS, _MOST_TRIES = 0.001, 100


def read_entry(entry: Entry, kind: type[_Kind]) -> _Kind | None:
    """An entry as a record; None where it is of another kind, or was not written by us."""
    try:
        return msgspec.convert(entry, kind)
    except msgspec.ValidationError:
        return None


class DeadJournal:
    """The journal of a process that is dead. Nobody else can take it up until it is closed.

    Attributes:
        path: the file.
        head: its first line.
        lines: the others that were written whole.
        entries: what the process began and did not end, in the order in which it began it.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        content = file.read()
        self.path = path
        self.head, *self.lines = content.split(b"\n")[:-1] or [b""]
        self.entries = _unended(content)
        self._file = file

    def forget(self) -> None:
        """Deletes and closes it: everything that it tells of has been taken care of."""
        try:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # others are in the folder
                self.path.parent.rmdir()
        finally:
            self.close()

    def close(self) -> None:
        """Closes it and leaves it on the disk, so that it can be taken up again."""
        self._file.close()


class EntriesByLife(NamedTuple):
    """What processes began and did not end.

    Attributes:
        living: what those began that live, or whose journals somebody has taken up just now.
        dead: what those began that are dead.
    """

    living: list[Entry]
    dead: list[Entry]


def dead_journals(folder: Path) -> Iterator[DeadJournal]:
    """Takes up the journals in a folder whose processes are dead; the caller must close each.

    Raises:
        DagsterStorageError: at the end, where one cannot be read.
    """
    unreadable: list[DagsterStorageError] = []
    for path in entries_of(folder):
        try:
            file = _taken_up(path)
        except DagsterStorageError as error:
            unreadable.append(error)
            continue
        if file is not None:
            yield DeadJournal(path, file)
    if unreadable:
        raise unreadable[0]
    with suppress(OSError):  # somebody died when its journal was deleted and the folder was not yet; or one is there
        folder.rmdir()


def entries_by_life(folder: Path, besides: Path | None = None) -> EntriesByLife:
    """Reads the journals in a folder, without taking them up or changing anything.

    Args:
        folder: where journals are; it need not be there.
        besides: a journal to pass over, because the caller has locked it.

    Raises:
        DagsterStorageError: one cannot be read.
    """
    found = EntriesByLife([], [])
    for path in (each for each in entries_of(folder) if each != besides):
        file = _opened(path)
        if file is not None:
            with file:
                is_dead = _can_lock(file, fcntl.LOCK_SH)
                if os.fstat(file.fileno()).st_nlink:
                    (found.dead if is_dead else found.living).extend(_unended(file.read()))
    return found


def _opened(path: Path) -> IO[bytes] | None:
    try:
        return path.open("rb")
    except FileNotFoundError:  # all of it has ended just now
        return None
    except OSError as error:
        raise DagsterStorageError(
            f"Cannot read {path}, which tells what a process left behind: {error.strerror}. "
            f"Try again as the user who ran that process."
        ) from error


def _taken_up(path: Path) -> IO[bytes] | None:
    """The journal at `path`, locked; None where its process lives, or somebody has taken it up, or it is gone."""
    file = _opened(path)
    if file is None:
        return None
    for _ in range(_MOST_TRIES):
        if _can_lock(file, fcntl.LOCK_EX):
            if os.fstat(file.fileno()).st_nlink:
                return file
            break  # somebody took it up and was done with it before it was locked here
        if not _can_lock(file, fcntl.LOCK_SH):
            break  # its process has it, or one that has taken it up
        fcntl.flock(file, fcntl.LOCK_UN)  # somebody only reads it, for a moment, with a shared lock
        time.sleep(_LOOK_SECONDS)
    file.close()
    return None


def _can_lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unended(content: bytes) -> list[Entry]:
    """What was begun and not ended. What follows the last line break was cut off, and never acted on."""
    unended: dict[int, Entry] = {}
    for written in content.split(b"\n")[1:-1]:
        with suppress(msgspec.DecodeError):  # a line that met a full disk; its process was warned
            line = msgspec.json.decode(written, type=Line)
            unended.pop(line.number, None)
            if line.entry is not None:
                unended[line.number] = line.entry
    return list(unended.values())
