"""Schedules and sensors in one SQLite database."""

from __future__ import annotations

from core.storage.schedules.schema import SCHEMA
from core.storage.schedules.sql import SqlScheduleStorage
from core.storage.sqlite.storage import SqliteStorage


class SqliteScheduleStorage(SqliteStorage, SqlScheduleStorage):
    """The default schedule storage; see `SqliteStorage` for the arguments. In `dagster.yaml`:

    schedule_storage:
      module: core.storage.schedules
      class: SqliteScheduleStorage
      config:
        base_dir: /path/to/dir
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "schedule database"
    FILE_NAME = "schedules.db"
