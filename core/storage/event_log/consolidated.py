"""Event log storages that keep all logs and the index in one database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa

from core.events.records import EventLogEntry
from core.records.claim import Claim
from core.records.removal import Removal
from core.storage.event_log.base import taken_over
from core.storage.event_log.index import entries_from_log
from core.storage.event_log.schema import events, fences
from core.storage.event_log.sql import SqlEventLogStorage, insert_events, insert_index_entries, wipe_index
from core.storage.sql.storage import SqlStorage
from core.storage.sql.upsert import insert_or_replace


class ConsolidatedEventLogStorage(SqlStorage, SqlEventLogStorage):
    """Base of the event log storages that keep all logs and the index in one database."""

    def lock_runs(self, connection: sa.Connection, run_ids: Collection[str]) -> None:
        """Lets one transaction at a time append to each run, so that readers see its entries in order."""
        return

    @contextmanager
    def read_run(self, run_id: str) -> Iterator[sa.Connection | None]:
        with self.read() as connection:
            yield connection

    def write_run(self, run_id: str) -> AbstractContextManager[sa.Connection]:
        return self.write()

    def read_index(self) -> AbstractContextManager[sa.Connection | None]:
        return self.read_run("")

    def write_index(self) -> AbstractContextManager[sa.Connection]:
        return self.write()

    def raise_fence(self, connection: sa.Connection, claim: Claim) -> bool:
        query = sa.select(fences.c.number).where(fences.c.run_id == claim.key)
        number: int = connection.execute(query).scalar() or 0
        if number < claim.number:
            insert_or_replace(connection, fences, [{"run_id": claim.key, "number": claim.number}])
        return number <= claim.number

    def fence(self, claim: Claim) -> None:
        with self.write() as connection:
            self.lock_runs(connection, {claim.key})
            self.raise_fence(connection, claim)

    def store_claimed_events(self, claim: Claim, events: Sequence[EventLogEntry]) -> None:
        self._store(events, claim)

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        if events:
            self._store(events, None)

    def _store(self, events: Sequence[EventLogEntry], claim: Claim | None) -> None:
        index_entries = entries_from_log(events)
        with self.write() as connection:
            self.lock_runs(connection, {entry.run_id for entry in events})
            if claim is not None and not self.raise_fence(connection, claim):
                raise taken_over(claim)
            insert_events(connection, events)
            if index_entries.assets:
                self.lock_assets(connection)
            insert_index_entries(connection, index_entries)

    def delete_log(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        of_run = events.c.run_id == run_id
        with self.read() if dry_run else self.write() as connection:
            count = connection.execute(sa.select(sa.func.count()).where(of_run)).scalar_one()
            if count and not dry_run:
                connection.execute(events.delete().where(of_run))
            if not dry_run:
                connection.execute(fences.delete().where(fences.c.run_id == run_id))
        return [Removal("events", f"{count} events of run {run_id} in {self.database.place}")] if count else []

    def wipe(self) -> None:
        with self.write() as connection:
            connection.execute(events.delete())
            connection.execute(fences.delete())
            wipe_index(connection)

    @property
    def is_persistent(self) -> bool:
        return True

    def dispose(self) -> None:
        SqlEventLogStorage.dispose(self)
        SqlStorage.dispose(self)
