"""Schedules and sensors in PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from core.storage.postgres.storage import PostgresStorage
from core.storage.schedules.schema import SCHEMA
from core.storage.schedules.sql import SqlScheduleStorage


class PostgresScheduleStorage(PostgresStorage, SqlScheduleStorage):
    """Schedules of a team; see `PostgresStorage` for the arguments. In `dagster.yaml`:

    schedule_storage:
      module: core.storage.postgres
      class: PostgresScheduleStorage
      config:
        postgres_url: {env: CLOUDSTORE_POSTGRES_URL}
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "schedule database"

    def now(self) -> float:
        with self.read() as connection:
            moment: float = connection.execute(sa.select(self.database.NOW)).scalar_one()
        return moment
