"""The queries of event log storages on any SQL database."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import sqlalchemy as sa

from core.errors import DagsterEventLogInvalidForRun
from core.events.event_types import DagsterEventType
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey
from core.records.claim import Claim
from core.serdes import from_json, to_json
from core.storage.event_log.base import (
    EventLogRecord,
    EventLogStorage,
    StepOutputAddress,
    StepOutputKey,
    taken_over,
)
from core.storage.event_log.index import AssetEvent, IndexEntries, StoredOutput, entries_from_log
from core.storage.event_log.schema import asset_events, assets, step_output_addresses, value_stamps, value_uses
from core.storage.event_log.schema import events as events_table
from core.storage.paging import check_limit
from core.storage.sql.in_lists import batches
from core.storage.sql.upsert import insert_missing, insert_or_replace


class SqlEventLogStorage(EventLogStorage):
    """Base of the event log storages on SQL databases.

    The log of a run and the index across runs may be in different databases; an implementation says which.

    Example:
        >>> from core import EventLogEntry
        >>> from core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
        >>> storage: SqlEventLogStorage = SqliteEventLogStorage("my_logs")
        >>> storage.store_events([EventLogEntry(None, "hello", 20, "hello", "a-run", timestamp=1620000000.0)])
        >>> [record.event_log_entry.message for record in storage.get_records_for_run("a-run")]
        ['hello']
        >>> storage.dispose()
    """

    @abstractmethod
    def read_run(self, run_id: str) -> AbstractContextManager[sa.Connection | None]:
        """A connection for queries in the log of a run; None if the run has no log."""

    @abstractmethod
    def write_run(self, run_id: str) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction on the log of a run, which is created if it does not exist."""

    @abstractmethod
    def read_index(self) -> AbstractContextManager[sa.Connection | None]:
        """A connection for queries in the index; None if it does not exist yet."""

    @abstractmethod
    def write_index(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction on the index."""

    def lock_assets(self, connection: sa.Connection) -> None:
        """Lets one transaction at a time store or delete assets; databases with a single writer need no lock."""
        return

    def after(self, run_id: str, cursor: int) -> sa.ColumnElement[bool]:
        """The condition for events of a run after a place; written so that an index gives them in order."""
        return (events_table.c.run_id == run_id) & (events_table.c.id > cursor)

    @abstractmethod
    def raise_fence(self, connection: sa.Connection, claim: Claim) -> bool:
        """Has those who held a run before store nothing more of it, from the end of the transaction on.

        Args:
            connection: as of `write_run`.
            claim: to the run.

        Returns:
            False where another has taken the run over since.
        """

    def store_claimed_events(self, claim: Claim, events: Sequence[EventLogEntry]) -> None:
        with self.write_run(claim.key) as connection:
            if not self.raise_fence(connection, claim):
                raise taken_over(claim)
            insert_events(connection, events)
        self._store_index_entries(events)

    def fence(self, claim: Claim) -> None:
        with self.write_run(claim.key) as connection:
            self.raise_fence(connection, claim)

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        by_run: dict[str, list[EventLogEntry]] = {}
        for entry in events:
            by_run.setdefault(entry.run_id, []).append(entry)
        for run_id, entries in by_run.items():
            with self.write_run(run_id) as connection:
                insert_events(connection, entries)
        self._store_index_entries(events)

    def _store_index_entries(self, events: Sequence[EventLogEntry]) -> None:
        index_entries = entries_from_log(events)
        if not index_entries.is_empty:
            with self.write_index() as connection:
                insert_index_entries(connection, index_entries)

    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        check_limit(limit)
        run, place = events_table.c.run_id, events_table.c.id
        query = sa.select(run, place, events_table.c.body).where(self.after(run_id, -1 if cursor is None else cursor))
        if of_type is not None:
            query = query.where(events_table.c.event_type == of_type.value)
        with self.read_run(run_id) as connection:
            if connection is None:
                return []
            rows = connection.execute(query.order_by(run, place).limit(limit)).all()
        return [_record(row) for row in rows]

    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        versions = sorted(set(step_output_versions.values()))
        found: dict[StepOutputKey, StepOutputAddress] = {}
        with self.read_index() as connection:
            if connection is None:
                return found
            for batch in batches(versions):
                wanted = step_output_addresses.c.version.in_(batch)
                query = sa.select(step_output_addresses).where(wanted).order_by(step_output_addresses.c.id)
                for row in connection.execute(query):
                    key = (row.pipeline_name, StepOutputHandle(row.step_key, row.output_name, row.mapping_key))
                    if step_output_versions.get(key) == row.version:
                        found[key] = StepOutputAddress(row.address, row.run_id)
        return found

    def get_used_addresses(
        self, addresses: Collection[str], ignored_run_ids: Collection[str] = frozenset()
    ) -> set[str]:
        used: set[str] = set()
        with self.read_index() as connection:
            if connection is None:
                return used
            for batch in batches(sorted(addresses)):
                uses = sa.select(value_uses).where(value_uses.c.address.in_(batch))
                if ignored_run_ids:
                    rows = connection.execute(uses)
                    used.update(row.address for row in rows if row.run_id not in ignored_run_ids)
                else:
                    used.update(connection.execute(uses.with_only_columns(value_uses.c.address).distinct()).scalars())
        return used

    def count_users(self, addresses: Collection[str], run_ids: Collection[str] | None = None) -> dict[str, int]:
        counts: Counter[str] = Counter()
        per_address = sa.select(value_uses.c.address, sa.func.count()).group_by(value_uses.c.address)
        queries = [per_address]
        if run_ids is not None:
            queries = [per_address.where(value_uses.c.run_id.in_(batch)) for batch in batches(sorted(set(run_ids)))]
        with self.read_index() as connection:
            if connection is None:
                return counts
            for query, batch in itertools.product(queries, batches(sorted(set(addresses)))):
                for address, count in connection.execute(query.where(value_uses.c.address.in_(batch))):
                    counts[address] += count
        return counts

    def get_value_stamps(self, addresses: Collection[str]) -> dict[str, str]:
        stamps: dict[str, str] = {}
        with self.read_index() as connection:
            if connection is None:
                return stamps
            for batch in batches(sorted(addresses)):
                query = sa.select(value_stamps).where(value_stamps.c.address.in_(batch))
                stamps.update((row.address, row.stamp) for row in connection.execute(query))
        return stamps

    def all_asset_keys(self) -> list[AssetKey]:
        with self.read_index() as connection:
            if connection is None:
                return []
            keys = connection.execute(sa.select(assets.c.asset_key)).scalars().all()
        return sorted((AssetKey(from_json(list[str], key)) for key in keys), key=lambda key: key.path)

    def get_asset_records(
        self,
        asset_key: AssetKey,
        partitions: Collection[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> list[EventLogRecord]:
        check_limit(limit)
        place = asset_events.c.id
        query = sa.select(asset_events.c.run_id, place, asset_events.c.body).where(
            asset_events.c.asset_key == key_text(asset_key)
        )
        if before_cursor is not None:
            query = query.where(place < before_cursor)
        if after_cursor is not None:
            query = query.where(place > after_cursor)
        query = query.order_by(place.asc() if ascending else place.desc()).limit(limit)
        queries = [query]
        if partitions is not None:
            wanted = list(dict.fromkeys(partitions))
            queries = [query.where(asset_events.c.partition.in_(batch)) for batch in batches(wanted)]
        with self.read_index() as connection:
            if connection is None:
                return []
            rows = [row for each in queries for row in connection.execute(each)]
        rows.sort(key=lambda row: int(row.id), reverse=not ascending)
        return [_record(row) for row in rows[:limit]]

    def wipe_asset(self, asset_key: AssetKey) -> None:
        with self.write_index() as connection:
            self.lock_assets(connection)
            connection.execute(asset_events.delete().where(asset_events.c.asset_key == key_text(asset_key)))
            connection.execute(assets.delete().where(assets.c.asset_key == key_text(asset_key)))

    def forget_index_entries(self, run_id: str) -> None:
        of_run = sa.select(value_uses.c.address).where(value_uses.c.run_id == run_id)
        by_others = value_uses.c.run_id != run_id
        materialized = sa.select(asset_events.c.asset_key).where(asset_events.c.run_id == run_id).distinct()
        is_left = sa.exists().where(asset_events.c.asset_key == assets.c.asset_key)
        with self.write_index() as connection:
            self.lock_assets(connection)
            for table in (step_output_addresses, value_stamps):
                is_used = sa.exists().where(value_uses.c.address == table.c.address, by_others)
                # In the order in which runs record stamps; otherwise two transactions could deadlock.
                unused = sa.select(table.c.address).where(table.c.address.in_(of_run), ~is_used)
                unused = unused.order_by(table.c.address).with_for_update()
                connection.execute(table.delete().where(table.c.address.in_(unused)))
            connection.execute(value_uses.delete().where(value_uses.c.run_id == run_id))
            keys = list(connection.execute(materialized).scalars())
            connection.execute(asset_events.delete().where(asset_events.c.run_id == run_id))
            for batch in batches(keys):
                connection.execute(assets.delete().where(assets.c.asset_key.in_(batch), ~is_left))


def insert_events(connection: sa.Connection, entries: Sequence[EventLogEntry]) -> None:
    """Appends entries to the log."""
    connection.execute(events_table.insert(), [_event_row(entry) for entry in entries])


def insert_index_entries(connection: sa.Connection, entries: IndexEntries) -> None:
    """Adds entries to the index."""
    if entries.outputs:
        connection.execute(step_output_addresses.insert(), [_output_row(output) for output in entries.outputs])
    insert_missing(connection, value_uses, [{"address": address, "run_id": run_id} for address, run_id in entries.uses])
    stamps = [{"address": address, "stamp": stamp} for address, stamp in sorted(entries.stamps.items())]
    insert_or_replace(connection, value_stamps, stamps)
    if entries.assets:
        connection.execute(asset_events.insert(), [_asset_row(made) for made in entries.assets])
        keys = dict.fromkeys(key_text(made.asset_key) for made in entries.assets)
        insert_missing(connection, assets, [{"asset_key": key} for key in keys])


def wipe_index(connection: sa.Connection) -> None:
    """Empties the index."""
    for table in (value_uses, value_stamps, step_output_addresses, asset_events, assets):
        connection.execute(table.delete())


def key_text(asset_key: AssetKey) -> str:
    """An asset key as it stands in the index."""
    return to_json(list(asset_key.path), replace_surrogates=True)


def _event_row(entry: EventLogEntry) -> dict[str, Any]:
    event = entry.dagster_event
    return {
        "run_id": entry.run_id,
        "event_type": event.event_type_value if event else None,
        "step_key": entry.step_key,
        "timestamp": entry.timestamp,
        "body": to_json(entry, replace_surrogates=True),  # text that is not Unicode must not fail the run that logs it
    }


def _output_row(output: StoredOutput) -> dict[str, Any]:
    return {
        "pipeline_name": output.pipeline_name,
        "step_key": output.handle.step_key,
        "output_name": output.handle.output_name,
        "mapping_key": output.handle.mapping_key,
        "version": output.version,
        "address": output.address,
        "run_id": output.run_id,
    }


def _asset_row(made: AssetEvent) -> dict[str, Any]:
    return {
        "asset_key": key_text(made.asset_key),
        "partition": made.partition,
        "run_id": made.entry.run_id,
        "timestamp": made.entry.timestamp,
        "body": to_json(made.entry, replace_surrogates=True),
    }


def _record(row: Any) -> EventLogRecord:
    """The record of a row with `run_id`, `id` and `body`."""
    try:
        return EventLogRecord(row.id, from_json(EventLogEntry, row.body))
    except msgspec.MsgspecError as error:
        raise DagsterEventLogInvalidForRun(
            f"Entry {row.id} in the log of run {row.run_id} cannot be read ({error}); it was damaged, or written by a "
            "newer release, which reads it.",
            row.run_id,
        ) from error
