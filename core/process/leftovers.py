"""Clearing what dead processes left in other places, such as multipart uploads in a store.

Each process notes what it begins there in a journal (`core.process.journal`) in the instance's directory.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from core.errors import DagsterError, DagsterStorageError
from core.process.dead_journals import DeadJournal, Entry, dead_journals, entries_by_life
from core.process.journal import Journal
from core.records.removal import Removal

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
    """Names the function that clears what a journal tells of.

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
                f"{self.module}.{self.function} cannot be imported here ({error}); install the package that has it."
            ) from error
        return loaded


class Leftovers:
    """The journals of an instance.

    Args:
        folder: where they are; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def journal(self, clearer: Clearer) -> Journal:
        """A journal for things that `clearer` clears."""
        return Journal(self._folder, msgspec.json.encode(clearer))

    def clear(self, dry_run: bool = False) -> Iterator[Removal]:
        """Clears what dead processes left; goes on only as far as it is iterated.

        Yields:
            Each thing that went, when it has gone, or would go.

        Raises:
            DagsterStorageError: at the end, where something could not be cleared. It is tried again the next time.
        """
        failures: list[str] = []
        for dead in dead_journals(self._folder):
            with closing(dead):
                try:
                    yield from self._clear_one(dead, dry_run)
                except DagsterError as error:
                    failures.append(f"{error} What is left is noted in {dead.path}; delete that file to give it up.")
                    continue
                if not dry_run:
                    dead.forget()
        if failures:
            raise DagsterStorageError("Some of what killed processes left could not be cleared. " + " ".join(failures))

    def _clear_one(self, dead: DeadJournal, dry_run: bool) -> Iterator[Removal]:
        if dead.entries:
            clearer = _clearer(dead.head)
            yield from clearer.load()(clearer.config, dead.entries, partial(self._living, dead.path), dry_run)

    def _living(self, cleared: Path) -> list[Entry]:
        return entries_by_life(self._folder, besides=cleared).living


def _clearer(head: bytes) -> Clearer:
    try:
        return msgspec.json.decode(head, type=Clearer)
    except msgspec.DecodeError as error:
        raise DagsterStorageError(
            f"A journal of what a process began does not say which function clears it: {error}."
        ) from error
