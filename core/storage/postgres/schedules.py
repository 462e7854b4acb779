"""Schedules and sensors in PostgreSQL."""

from __future__ import annotations

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
