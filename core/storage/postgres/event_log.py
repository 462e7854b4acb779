"""Event logs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from core.storage.event_log.consolidated import ConsolidatedEventLogStorage
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA, events
from core.storage.postgres.storage import PostgresStorage


class PostgresEventLogStorage(PostgresStorage, ConsolidatedEventLogStorage):
    """Event logs of a team; see `PostgresStorage` for the arguments. In `dagster.yaml`:

    event_log_storage:
      module: core.storage.postgres
      class: PostgresEventLogStorage
      config:
        postgres_url: {env: CLOUDSTORE_POSTGRES_URL}
    """

    SCHEMAS = (LOG_SCHEMA, INDEX_SCHEMA)
    WHAT = "event log"

    def lock_assets(self, connection: sa.Connection) -> None:
        # For readers that follow an asset, as below. Also, a transaction does not see changes of another that has not
        # ended: one could delete an asset that the other is storing, and two that delete the last two runs that used
        # a value would each keep the value for the sake of the other.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("cloudstore assets"))))

    def after(self, run_id: str, cursor: int) -> sa.ColumnElement[bool]:
        # With `run_id = ...`, PostgreSQL may choose another index than the one by run and place; it then sorts the rest
        # of the run for each page, or reads the events of all runs.
        place = sa.tuple_(events.c.run_id, events.c.id)
        return (place > sa.tuple_(sa.literal(run_id), sa.literal(cursor))) & (events.c.run_id <= run_id)

    def lock_runs(self, connection: sa.Connection, run_ids: Collection[str]) -> None:
        # Ids are assigned before transactions end, so without the lock a reader that follows a run could see a later
        # entry first and miss the earlier one. The locks are taken in sorted order to avoid deadlocks.
        for run_id in sorted(run_ids):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(run_id, 0))))
