"""What a process began in other places and did not end: noted while it lives, cleared when it is dead.

A process that uses a store with things that are begun and ended (as multipart uploads are) keeps a journal of them in
the instance's directory: a file of JSON lines, there only while something is begun. A lock (flock(2)) is held on it as
long as the process lives, so its death is known exactly, by no clock and no process id.
"""

from __future__ import annotations

import fcntl
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import msgspec

from core.errors import DagsterError, DagsterStorageError
from core.storage.deleting import entries_of
from core.storage.leftover_files import Begun, Line, begin
from core.storage.removal import Removal

Entry = Mapping[str, Any]
Clear = Callable[[Mapping[str, Any], list[Entry], Callable[[], list[Entry]], bool], Iterator[Removal]]
"""A function that clears what a dead process left.

Args:
    config: that of the `Clearer`.
    entries: what the process began and did not end, in the order in which it began it.
    living: gives what the processes that live have begun now and not ended.
    dry_run: change nothing.

Yields:
    Each thing that went, when it has gone, or would go. What is gone already is passed over.

Raises:
    DagsterError: something could not be cleared; the rest was. All of it is to be tried again another time.
"""


class Clearer(msgspec.Struct, frozen=True):
    """Who clears the things of a journal.

    Attributes:
        module: the module of the function.
        function: its name; it is a `Clear`.
        config: what it is called with. It is written to a file, so it holds no secret.
    """

    module: str
    function: str
    config: dict[str, Any]

    def load(self) -> Clear:
        """The function; raises DagsterStorageError where there is none."""
        try:
            loaded: Clear = getattr(importlib.import_module(self.module), self.function)
        except (ImportError, AttributeError) as error:
            raise DagsterStorageError(
                f"{self.module}.{self.function} cannot be imported here ({error}); install what has it."
            ) from error
        return loaded


class LeftoverJournal:
    """What this process begins, of one kind. It may be used from many threads, and costs nothing until something is."""

    def __init__(self, folder: Path, clearer: Clearer) -> None:
        self._folder = folder
        self._head = msgspec.json.encode(clearer)

    def begin(self, entry: Entry) -> Begun:
        """Notes that a thing is about to be begun; as `core.storage.leftover_files.begin`."""
        return begin(self._folder, self._head, entry)


class Leftovers:
    """The journals of an instance.

    Args:
        folder: where they are; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def journal(self, clearer: Clearer) -> LeftoverJournal:
        """A journal for things that `clearer` clears."""
        return LeftoverJournal(self._folder, clearer)

    def clear(self, dry_run: bool = False) -> Iterator[Removal]:
        """Clears what dead processes left; goes on only as far as it is iterated.

        Yields:
            Each thing that went, when it has gone, or would go.

        Raises:
            DagsterStorageError: at the end, where something could not be cleared. It is tried again the next time.
        """
        failures: list[str] = []
        for path in entries_of(self._folder):
            with _of_a_dead_process(path) as file:
                if file is None:
                    continue
                try:
                    yield from self._clear_one(path, file.read(), dry_run)
                except DagsterError as error:
                    failures.append(f"{error} What is left is noted in {path}; delete that file to give it up.")
                    continue
                if not dry_run:
                    path.unlink(missing_ok=True)
        if failures:
            raise DagsterStorageError("Not all that killed processes left could be cleared. " + " ".join(failures))

    def _clear_one(self, path: Path, content: bytes, dry_run: bool) -> Iterator[Removal]:
        entries = _unended(content)
        if entries:
            clearer = _head(content)
            yield from clearer.load()(clearer.config, entries, partial(self._living, path), dry_run)

    def _living(self, dead: Path) -> list[Entry]:
        """What the journals tell of whose processes live; that of `dead` is locked too, by who clears it."""
        found: list[Entry] = []
        for path in (each for each in entries_of(self._folder) if each != dead):
            with _of_a_dead_process(path) as file:
                if file is None and path.exists():
                    found += _unended(_content(path))
        return found


@contextmanager
def _of_a_dead_process(path: Path) -> Iterator[IO[bytes] | None]:
    """The journal at `path`, locked; None where its process lives, or somebody is clearing it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:  # all of it has ended just now
        yield None
        return
    except OSError as error:
        raise DagsterStorageError(
            f"Cannot read {path}, which says what a process left: {error.strerror}. Prune as the user who ran it."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _head(content: bytes) -> Clearer:
    try:
        return msgspec.json.decode(content.partition(b"\n")[0], type=Clearer)
    except msgspec.DecodeError as error:
        raise DagsterStorageError(f"A journal of what a process began does not say who clears it: {error}.") from error


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
