"""What an event log storage does; `tests/core/storage/test_event_log_storage.py` holds every implementation to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from core.events.event_types import DagsterEventType
from core.events.payloads import HandledOutputData, StepOutputHandle
from core.events.records import EventLogEntry

StepOutputKey = tuple[str, StepOutputHandle]


class EventLogRecord(msgspec.Struct, frozen=True):
    """An entry with its place in its run's log.

    Attributes:
        storage_id: grows along the log of a run; a cursor.
        event_log_entry: the entry.
    """

    storage_id: int
    event_log_entry: EventLogEntry


class StepOutputAddress(msgspec.Struct, frozen=True):
    """Where a version of a step's output is.

    Attributes:
        address: a path or URL.
        run_id: the run that made it.
    """

    address: str
    run_id: str


class EventLogStorage(ABC):
    """Keeps the log of every run. Safe for use by many threads and, where persistent, many processes.

    Entries of a run are kept in the order in which they were stored. What a method has returned from is kept
    even if the process is killed the moment after.
    """

    @abstractmethod
    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        """Appends entries, each to the log of its run. Of one run's entries all are stored, or none."""

    def store_event(self, event: EventLogEntry) -> None:
        """Appends one entry to the log of its run."""
        self.store_events([event])

    @abstractmethod
    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        """Entries of a run, in order; an unknown run has none.

        Args:
            run_id: the run.
            cursor: only those after the one with this `storage_id`.
            of_type: only events of this type.
            limit: at most so many.
        """

    def get_logs_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogEntry]:
        """As `get_records_for_run`, the entries alone."""
        return [record.event_log_entry for record in self.get_records_for_run(run_id, cursor, of_type, limit)]

    @abstractmethod
    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        """Finds where versions of step outputs were stored, in any run.

        Args:
            step_output_versions: (pipeline name, output) -> version.

        Returns:
            (pipeline name, output) -> the address stored last; outputs without one are left out.
        """

    @abstractmethod
    def delete_events(self, run_id: str) -> None:
        """Forgets the log of a run, and what `get_step_output_addresses` knows from it."""

    @abstractmethod
    def wipe(self) -> None:
        """Forgets every log."""

    @property
    @abstractmethod
    def is_persistent(self) -> bool:
        """bool: whether the logs outlive this process."""

    def dispose(self) -> None:
        """Lets go of connections; the storage opens them anew if it is used again."""
        return


def address_of(entry: EventLogEntry) -> tuple[StepOutputHandle, str, str] | None:
    """(output, version, address) that an entry makes known, if it does."""
    event = entry.dagster_event
    data = event.event_specific_data if event else None
    if event is None or event.step_key is None or not isinstance(data, HandledOutputData):
        return None
    if data.version is None or data.address is None:
        return None
    return StepOutputHandle(event.step_key, data.output_name), data.version, data.address
