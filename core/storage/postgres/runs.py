"""Runs in PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from core.storage.postgres.storage import PostgresStorage
from core.storage.runs.changes import Changes
from core.storage.runs.schema import SCHEMA
from core.storage.runs.sql import SqlRunStorage

_CHANNEL = "cloudstore_runs"


class PostgresRunStorage(PostgresStorage, SqlRunStorage):
    """Runs of a team; see `PostgresStorage` for the arguments. In `dagster.yaml`:

    run_storage:
      module: core.storage.postgres
      class: PostgresRunStorage
      config:
        postgres_url: {env: CLOUDSTORE_POSTGRES_URL}
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "run database"

    def lock_queue(self, connection: sa.Connection) -> None:
        # Two that count the runs in progress at once would both take the last place.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("cloudstore queue"))))

    def tell_of_change(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, "")))

    def changes(self) -> Changes:
        # Here, since psycopg may not be installed, which is said elsewhere.
        from core.storage.postgres.changes import PostgresChanges

        return PostgresChanges(self.database.psycopg_url, _CHANNEL)
