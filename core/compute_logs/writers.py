"""What processes write, noted on the disk for whoever finds that they were killed.

A process notes a run before it makes the first file of it, and ends the note when the last file is where it belongs, so
at whatever moment it dies, everything that it leaves is told of by a note.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec

from core.cached import cached_property
from core.compute_logs.log_files import LogFiles
from core.compute_logs.names import LogName
from core.errors import DagsterError
from core.forks import reset_in_forked_children
from core.process.dead_journals import Entry, entries_by_life, read_entry
from core.process.journal import Journal, JournalEntry


class RunNote(msgspec.Struct, frozen=True):
    """What a journal says of a run.

    Attributes:
        run_id: the run.
        nameless: the stem of the files that have no log's name yet.
    """

    run_id: str
    nameless: str


class LogNote(RunNote, frozen=True):
    """What it says of a log besides.

    Attributes:
        key: the step.
        attempt: which attempt at the step.
    """

    key: str
    attempt: int

    @property
    def log(self) -> LogName:
        return LogName(self.run_id, self.key, self.attempt)


def log_notes(entries: list[Entry]) -> dict[LogName, LogNote]:
    """The logs that entries of journals tell of, as they were begun; of one that was begun twice, what came last."""
    notes: dict[LogName, LogNote] = {}
    for note in filter(None, (read_entry(entry, LogNote) for entry in entries)):
        notes.pop(note.log, None)
        notes[note.log] = note
    return notes


def may_be_nameless(note: LogNote, notes: Collection[LogNote]) -> bool:
    """Whether files without a log's name may be of this log: only of the one that its process began last in that run.

    The others have ended, so their files have their names; they may still wait to be shortened, or shipped.
    """
    of_same_files = [each for each in notes if (each.run_id, each.nameless) == (note.run_id, note.nameless)]
    return note is of_same_files[-1]


class LogWriter:
    """Notes what this process writes.

    Args:
        files: where logs are.
    """

    def __init__(self, files: LogFiles) -> None:
        self._files = files
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says: what the parent has begun, the parent ends."""
        self._runs: dict[str, JournalEntry] = {}
        self._logs: dict[LogName, JournalEntry] = {}

    @cached_property
    def _journal(self) -> Journal:
        return Journal(self._files.writers_folder, uuid.uuid4().hex.encode())

    def begin_run(self, run_id: str, nameless_stem: str) -> None:
        """A run is about to be begun, or goes on; as `begin`, which does this too."""
        if run_id not in self._runs:
            self._runs[run_id] = self.note(msgspec.to_builtins(RunNote(run_id, nameless_stem)))

    def begin(self, log: LogName, nameless_stem: str, more: Entry) -> None:
        """A log is about to be written.

        Args:
            log: the log.
            nameless_stem: begins the names of files that have no log's name yet.
            more: what is noted of it besides.

        Raises:
            DagsterInvariantViolationError: a symbolic link is in the place of the journals.
        """
        self.begin_run(log.run_id, nameless_stem)
        note = LogNote(log.run_id, nameless_stem, log.key, log.attempt)
        earlier = self._logs.get(log)
        self._logs[log] = self.note({**msgspec.to_builtins(note), **more})
        if earlier is not None:  # only now, or nothing would tell of its files for a moment
            earlier.end()

    def end(self, log: LogName) -> None:
        """A log is complete, and where it belongs."""
        begun = self._logs.pop(log, None)
        if begun is not None:
            begun.end()

    def end_run(self, run_id: str) -> None:
        """All logs of a run are where they belong, and there is no other file of it."""
        begun = self._runs.pop(run_id, None)
        if begun is not None:
            begun.end()

    def note(self, entry: Mapping[str, object]) -> JournalEntry:
        """Notes something else, in the same journal."""
        return self._journal.begin(entry)

    def runs(self) -> list[str]:
        """The runs that are begun."""
        return list(self._runs)

    def is_writing(self, run_id: str) -> bool:
        """Whether a log of a run is begun."""
        return any(log.run_id == run_id for log in tuple(self._logs))

    def close(self) -> None:
        """Leaves what is begun to others, as if this process were dead."""
        self._runs.clear()
        self._logs.clear()
        if "_journal" in self.__dict__:  # made when first used
            self._journal.close()


class DeadLog(NamedTuple):
    """A log whose process is dead, as long as nobody has recovered it.

    Attributes:
        nameless_stem: of the files that may be the log's; None where those are of another one.
    """

    nameless_stem: str | None


def find_dead(files: LogFiles, log: LogName) -> DeadLog | None:
    """A log, if the process that wrote it is dead, nobody has recovered it yet, and nobody writes it now.

    It changes nothing on the disk.
    """
    with suppress(DagsterError, OSError):  # another user's process; that user will see to it
        entries = entries_by_life(files.writers_folder)
        notes = log_notes(entries.dead)
        if log in notes and log not in log_notes(entries.living):
            note = notes[log]
            return DeadLog(note.nameless if may_be_nameless(note, notes.values()) else None)
    return None
