"""Every query of an event log storage, for any SQL database."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from core.events.event_types import DagsterEventType
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.serdes import from_json, to_json
from core.storage.event_log.base import (
    EventLogRecord,
    EventLogStorage,
    StepOutputAddress,
    StepOutputKey,
    address_of,
)
from core.storage.event_log.schema import events as events_table
from core.storage.event_log.schema import step_output_addresses
from core.storage.in_lists import batches


class SqlEventLogStorage(EventLogStorage):
    """Base of the event log storages on SQL databases.

    The log of a run and the index across runs may be in different databases: an implementation says where each is.
    """

    @abstractmethod
    def read_run(self, run_id: str) -> AbstractContextManager[sa.Connection | None]:
        """A connection for queries in a run's log; None where the run has no log."""

    @abstractmethod
    def write_run(self, run_id: str) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction on a run's log, which is made when it is not there."""

    @abstractmethod
    def read_index(self) -> AbstractContextManager[sa.Connection]:
        """A connection for queries in the index."""

    @abstractmethod
    def write_index(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction on the index."""

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        for run_id, group in groupby(events, key=lambda entry: entry.run_id):
            entries = list(group)
            with self.write_run(run_id) as connection:
                connection.execute(events_table.insert(), [_event_row(entry) for entry in entries])
            self._index(entries)

    def _index(self, entries: list[EventLogEntry]) -> None:
        rows = [row for row in map(_address_row, entries) if row is not None]
        if rows:
            with self.write_index() as connection:
                connection.execute(step_output_addresses.insert(), rows)

    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        query = sa.select(events_table.c.id, events_table.c.body).where(events_table.c.run_id == run_id)
        if cursor is not None:
            query = query.where(events_table.c.id > cursor)
        if of_type is not None:
            query = query.where(events_table.c.event_type == of_type.value)
        with self.read_run(run_id) as connection:
            if connection is None:
                return []
            rows = connection.execute(query.order_by(events_table.c.id).limit(limit)).all()
        return [EventLogRecord(row.id, from_json(EventLogEntry, row.body)) for row in rows]

    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        versions = sorted(set(step_output_versions.values()))
        found: dict[StepOutputKey, StepOutputAddress] = {}
        with self.read_index() as connection:
            for batch in batches(versions):
                wanted = step_output_addresses.c.version.in_(batch)
                query = sa.select(step_output_addresses).where(wanted).order_by(step_output_addresses.c.id)
                for row in connection.execute(query):
                    key = (row.pipeline_name, StepOutputHandle(row.step_key, row.output_name))
                    if step_output_versions.get(key) == row.version:
                        found[key] = StepOutputAddress(row.address, row.run_id)
        return found

    def forget_addresses(self, run_id: str | None = None) -> None:
        """Drops what the index knows from one run, or from all."""
        forgotten = step_output_addresses.delete()
        if run_id is not None:
            forgotten = forgotten.where(step_output_addresses.c.run_id == run_id)
        with self.write_index() as connection:
            connection.execute(forgotten)


def _event_row(entry: EventLogEntry) -> dict[str, Any]:
    event = entry.dagster_event
    return {
        "run_id": entry.run_id,
        "event_type": event.event_type_value if event else None,
        "step_key": entry.step_key,
        "timestamp": entry.timestamp,
        "body": to_json(entry, replace_surrogates=True),  # a run does not fail for what it prints
    }


def _address_row(entry: EventLogEntry) -> dict[str, Any] | None:
    known = address_of(entry)
    if known is None:
        return None
    handle, version, address = known
    return {
        "pipeline_name": entry.pipeline_name or "",
        "step_key": handle.step_key,
        "output_name": handle.output_name,
        "version": version,
        "address": address,
        "run_id": entry.run_id,
    }
