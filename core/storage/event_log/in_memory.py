"""Event logs kept in this process alone, for ephemeral instances."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from core.events.event_types import DagsterEventType
from core.events.records import EventLogEntry
from core.storage.event_log.base import (
    EventLogRecord,
    EventLogStorage,
    StepOutputAddress,
    StepOutputKey,
    address_of,
)


class InMemoryEventLogStorage(EventLogStorage):
    """Logs in a dict of lists. Gone with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logs: dict[str, list[EventLogEntry]] = {}
        self._with_address: list[EventLogEntry] = []

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        with self._lock:
            for entry in events:
                self._logs.setdefault(entry.run_id, []).append(entry)
                if address_of(entry) is not None:
                    self._with_address.append(entry)

    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        start = 0 if cursor is None else cursor
        entries = enumerate(self._logs.get(run_id, [])[start:], start=start + 1)
        records = [EventLogRecord(place, entry) for place, entry in entries if _is_of(entry, of_type)]
        return records[:limit]

    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        found: dict[StepOutputKey, StepOutputAddress] = {}
        with self._lock:
            entries = list(self._with_address)
        for entry in entries:
            known = address_of(entry)
            if known is not None:
                handle, version, address = known
                key = (entry.pipeline_name or "", handle)
                if step_output_versions.get(key) == version:
                    found[key] = StepOutputAddress(address, entry.run_id)
        return found

    def delete_events(self, run_id: str) -> None:
        with self._lock:
            self._logs.pop(run_id, None)
            self._with_address = [entry for entry in self._with_address if entry.run_id != run_id]

    def wipe(self) -> None:
        with self._lock:
            self._logs.clear()
            self._with_address.clear()

    @property
    def is_persistent(self) -> bool:
        return False


def _is_of(entry: EventLogEntry, of_type: DagsterEventType | None) -> bool:
    return of_type is None or (
        entry.dagster_event is not None and entry.dagster_event.event_type_value == of_type.value
    )
