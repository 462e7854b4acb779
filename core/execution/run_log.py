"""The log of a run that is executed: what happens is told to the caller, and stored."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection

from core.config import Secret
from core.events.records import DagsterEvent, EventLogEntry
from core.execution.contexts.pipeline import PipelineContext
from core.execution.recorded import hiding
from core.forks import end_forked_child
from core.instance import DagsterInstance
from core.instance.event_writer import EventWriter
from core.instance.holding import HeldClaim, let_go
from core.process.kept_lines import KeptLines

OnEvent = Callable[[DagsterEvent], None]


class RunLog:
    """Takes what is logged; nothing is stored before `start`.

    Args:
        instance: where it is stored.
        secrets: that are not stored.
        on_event: called with each event when it happens.
    """

    def __init__(self, instance: DagsterInstance, secrets: Collection[Secret], on_event: OnEvent | None) -> None:
        self._on_event = on_event
        kept = None if instance.unstored_directory is None else KeptLines(instance.unstored_directory)
        self._instance = instance
        self._held: HeldClaim | None = None
        self._writer = EventWriter(self._store_batch, kept)
        self._store = hiding(secrets, self._writer.put)

    def take(self, entry: EventLogEntry) -> None:
        """Takes an entry; in a forked child of the run's process, one that its user's code has written is dropped."""
        if entry.dagster_event is not None and self._writer.is_of_parent:
            end_forked_child(sys.exception())  # it came back from the user's code, and goes on as the run
        self._store(entry)
        if entry.dagster_event is not None and self._on_event is not None:
            self._on_event(entry.dagster_event)

    def _store_batch(self, entries: list[EventLogEntry]) -> None:
        self._instance.handle_new_events(entries, None if self._held is None else self._held.claim)

    def is_of(self, held: HeldClaim | None) -> None:
        """From now on the run's log is stored as long as this process has the claim; always where there is none."""
        self._held = held

    def is_ending(self) -> None:
        """What comes now is the last of the run."""
        if self._held is not None:
            let_go(self._held)

    def start(self) -> None:
        """Stores what was taken until now, and begins to store the rest; raises what storing raised."""
        self._writer.start()

    def close(self, accepted: PipelineContext | None) -> None:
        """Stores what is left.

        Args:
            accepted: the run, if it was recorded. Where its log cannot be stored, its record says that it failed.

        Raises:
            Exception: what storing raised.
        """
        try:
            self.is_ending()
            self._writer.close()
        finally:
            if accepted is not None and self._writer.has_failed:
                failed = DagsterEvent("PIPELINE_FAILURE", accepted.pipeline_name, "The log of it cannot be stored.")
                claim = None if self._held is None else self._held.claim
                accepted.instance.run_storage.handle_run_event(accepted.run_id, failed, claim)
