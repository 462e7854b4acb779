"""Runs in one SQLite database."""

from __future__ import annotations

from core.storage.runs.schema import SCHEMA
from core.storage.runs.sql import SqlRunStorage
from core.storage.sqlite.storage import SqliteStorage


class SqliteRunStorage(SqliteStorage, SqlRunStorage):
    """The default run storage; see `SqliteStorage` for the arguments. In `dagster.yaml`:

    run_storage:
      module: core.storage.runs
      class: SqliteRunStorage
      config:
        base_dir: /path/to/dir
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "run database"
    FILE_NAME = "runs.db"
