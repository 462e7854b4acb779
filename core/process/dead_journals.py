"""Journals of what processes began and did not end, as others read them when those processes are dead."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from core.disk.deleting import entries_of
from core.errors import DagsterStorageError
from core.process.journal import Line

Entry = Mapping[str, Any]
_Kind = TypeVar("_Kind")


def read_entry(entry: Entry, kind: type[_Kind]) -> _Kind | None:
    """An entry as a record; None where it is of another kind, or something else has written it."""
    try:
        return msgspec.convert(entry, kind)
    except msgspec.ValidationError:
        return None


class DeadJournal:
    """The journal of a process that is dead. Nobody else takes it up until it is closed.

    Attributes:
        path: the file.
        head: its first line.
        entries: what the process began and did not end, in the order in which it began it.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        content = file.read()
        self.path = path
        self.head = content.partition(b"\n")[0]
        self.entries = _unended(content)
        self._file = file

    def forget(self) -> None:
        """All of it is taken care of: deletes and closes it."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # others are in the folder
            self.path.parent.rmdir()
        self.close()

    def close(self) -> None:
        """Leaves it to be taken up again."""
        self._file.close()


def dead_journals(folder: Path) -> Iterator[DeadJournal]:
    """The journals in a folder whose processes are dead; who gets one closes it.

    Raises:
        DagsterStorageError: at the end, where one cannot be read.
    """
    unreadable: list[DagsterStorageError] = []
    for path in entries_of(folder):
        try:
            file = _locked(path)
        except DagsterStorageError as error:
            unreadable.append(error)
            continue
        if file is not None:
            yield DeadJournal(path, file)
    if unreadable:
        raise unreadable[0]


def living_entries(folder: Path, besides: Path) -> list[Entry]:
    """What the journals in a folder tell of whose processes live; that of `besides` is locked too, by who clears it."""
    found: list[Entry] = []
    for path in (each for each in entries_of(folder) if each != besides):
        file = _locked(path)
        if file is not None:
            file.close()
        else:
            with suppress(FileNotFoundError):
                found += _unended(path.read_bytes())
    return found


def _locked(path: Path) -> IO[bytes] | None:
    """The journal at `path`, locked; None where its process lives, or somebody has taken it up, or it is gone."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # all of it has ended just now
        return None
    except OSError as error:
        raise DagsterStorageError(
            f"Cannot read {path}, which says what a process left: {error.strerror}. Try it as the user who ran it."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    if not os.fstat(file.fileno()).st_nlink:  # somebody took it up and was done with it before it was locked here
        file.close()
        return None
    return file


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
