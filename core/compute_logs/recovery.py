"""Taking up what processes that were killed left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from core.compute_logs.log_files import LogFiles, Mask
from core.compute_logs.names import LogName
from core.compute_logs.writers import LogNote, RunNote, log_notes, may_be_nameless
from core.errors import DagsterError
from core.process.dead_journals import DeadJournal, Entry, dead_journals, entries_by_life, read_entry


class DeadWriter:
    """What a process that was killed had begun to write. Nobody else takes it up until it is closed or forgotten.

    Args:
        files: where logs are.
        journal: what it had noted.
        living: the logs that others write now.
    """

    def __init__(self, files: LogFiles, journal: DeadJournal, living: set[LogName]) -> None:
        self._files = files
        self._journal = journal
        self._all_notes = log_notes(journal.entries)
        self._notes = [note for log, note in self._all_notes.items() if log not in living]

    @property
    def path(self) -> Path:
        """Path: where it had noted that."""
        return self._journal.path

    @property
    def entries(self) -> list[Entry]:
        """list[Entry]: all that it had noted."""
        return self._journal.entries

    @property
    def run_ids(self) -> set[str]:
        """set[str]: the runs that it had noted something of."""
        return {entry["run_id"] for entry in self.entries if isinstance(entry.get("run_id"), str)}

    def complete(self, mask_of: Callable[[str], Mask] | None) -> list[LogName]:
        """Gives its files the names of their logs, and notes that those are complete. It can be done again.

        Args:
            mask_of: what hides secrets of a run, by the run's id; None where it is not known what is secret. Then no
                log is shortened, as half of a secret might be left.

        Returns:
            The logs; those whose folders are not as they must be are passed over.
        """
        completed: list[LogName] = []
        for note in self._notes:
            with suppress(DagsterError, OSError):
                self._complete(note, mask_of)
                completed.append(note.log)
        for run in filter(None, (read_entry(entry, RunNote) for entry in self.entries)):
            with suppress(DagsterError, OSError):
                self._files.delete_nameless(run.run_id, run.nameless)
        return completed

    def _complete(self, note: LogNote, mask_of: Callable[[str], Mask] | None) -> None:
        is_noted = self._files.completed.says(note.log)
        if not is_noted and may_be_nameless(note, self._all_notes.values()):
            self._files.give_names(note.log, note.nameless)
        if mask_of is not None:
            for path in self._files.paths(note.log):
                self._files.shorten(path, mask_of(note.run_id), note.nameless)
        if not is_noted:
            self._files.completed.add(note.log)

    def forget(self) -> None:
        """Everything that it left has been taken care of."""
        with suppress(OSError):  # what cannot be deleted is taken up again, by a user who may
            self._journal.forget()

    def close(self) -> None:
        """Leaves it to be taken up again."""
        self._journal.close()


def dead_writers(files: LogFiles) -> Iterator[DeadWriter]:
    """Takes up what dead processes left, one process after another; the caller must forget or close each."""
    with suppress(DagsterError, OSError):  # another user's process; that user will see to it
        folder = files.writers_folder
        for journal in dead_journals(folder):
            try:
                living = set(log_notes(entries_by_life(folder, besides=journal.path).living))
            except DagsterError:  # it may be of somebody who writes the same logs
                journal.close()
                continue
            yield DeadWriter(files, journal, living)
