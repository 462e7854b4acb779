"""Which secrets are masked in the logs of which run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from cloudstore.compute_logs.masking import Masker
from cloudstore.compute_logs.noted_secrets import NotedSecrets
from core.cached import cached_property
from core.compute_logs.log_files import Mask
from core.compute_logs.writers import LogWriter
from core.config import Secret
from core.process.dead_journals import Entry, read_entry
from core.process.journal import JournalEntry

_VARIABLE_IS_GONE = (
    "Its logs stay on the local disk: a secret that must not leave the machine in them was {}, and is not there now. "
    "Set it as it was, as that variable or, if it was written out, as any variable, and run `cloudstore logs drain`."
)
_NOTE_IS_UNREADABLE = (
    "Logs that {} tells of stay on the local disk: it notes what is secret in them in a way that cannot be read here. "
    "Delete that file to give up shipping them."
)


class _SecretsNote(msgspec.Struct, frozen=True):
    """What a journal says of the secrets of a run."""

    run_id: str
    hidden: NotedSecrets


class RunSecrets:
    """The secrets of runs whose logs are written or shipped here, noted in the journal of this process.

    Args:
        always: secrets of every run, by the variables that tell what they were when they have changed.
        masker_with: makes what hides some texts.
        writer: notes what this process writes.
    """

    def __init__(
        self, always: Mapping[str, str], masker_with: Callable[[Collection[str]], Masker], writer: LogWriter
    ) -> None:
        self._always = dict(always)
        self._masker_with = masker_with
        self._writer = writer
        self._values: dict[str, list[str]] = {}  # by run
        self._notes: dict[str, JournalEntry] = {}
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """As `core.forks` says."""
        self._lock = threading.Lock()

    def hide(self, run_id: str, secrets: Collection[Secret]) -> None:
        """From now on these are the secrets of a run.

        Raises:
            DagsterError: they cannot be noted; they are masked anyway.
        """
        with self._lock:
            earlier = self._notes.pop(run_id, None)
            self._values.pop(run_id, None)
            try:
                if secrets:
                    self._values[run_id] = [each.value for each in secrets]
                    note = _SecretsNote(run_id, NotedSecrets.of(secrets))
                    self._notes[run_id] = self._writer.note(msgspec.to_builtins(note))
            finally:
                if earlier is not None:
                    earlier.end()

    @cached_property
    def noted_with_each_log(self) -> Entry:
        """Entry: what is noted of a log besides its name."""
        secrets = [Secret(value, variable) for variable, value in self._always.items()]
        return {"hidden": msgspec.to_builtins(NotedSecrets.of(secrets))} if secrets else {}

    def masker(self, run_id: str) -> Masker:
        """What hides the secrets of a run."""
        return self._masker_with([*self._always.values(), *self._values.get(run_id, [])])

    def mask_of(self, run_id: str) -> Mask:
        """What hides the secrets of a run in a piece of one of its logs."""
        return lambda piece: self.masker(run_id).feed(piece, is_last=True)

    def learn(self, entries: Collection[Entry], journal: Path) -> list[tuple[str, str]]:
        """Learns the secrets of a dead process's runs, from its notes and the environment.

        Args:
            entries: what it had noted.
            journal: where.

        Returns:
            Where some are not known, of which run ("" where it cannot be told) and why its logs cannot be shipped.
        """
        noted = [entry for entry in entries if "hidden" in entry]
        unknown = [entry for entry in noted if not self._learn(entry)]
        return list(dict.fromkeys(_why_unknown(entry, journal) for entry in unknown))

    def _learn(self, entry: Entry) -> bool:
        note = read_entry(entry, _SecretsNote)
        values = None if note is None else note.hidden.values({**self._always, **os.environ})
        if note is None or values is None:
            return False
        with self._lock:
            self._values[note.run_id] = list(dict.fromkeys([*self._values.get(note.run_id, []), *values]))
        return True

    def forget(self, run_id: str) -> None:
        """All logs of a run are where they belong."""
        with self._lock:
            self._values.pop(run_id, None)
            note = self._notes.pop(run_id, None)
        if note is not None:
            note.end()


def _source(hidden: NotedSecrets) -> str:
    written_out = ["written out in the run config"] if hidden.written_out else []
    named = [f"in the environment ({', '.join(hidden.hashes)}) or among the options"] if hidden.hashes else []
    return " or ".join([*named, *written_out])


def _why_unknown(entry: Entry, journal: Path) -> tuple[str, str]:
    note = read_entry(entry, _SecretsNote)
    if note is None:
        return "", _NOTE_IS_UNREADABLE.format(journal)
    return note.run_id, _VARIABLE_IS_GONE.format(_source(note.hidden))
