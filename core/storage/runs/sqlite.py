"""Runs in one SQLite database."""

from __future__ import annotations

from core.storage.runs.changes import Changes
from core.storage.runs.schema import SCHEMA
from core.storage.runs.sql import SqlRunStorage
from core.storage.sqlite.changes import SqliteChanges
from core.storage.sqlite.storage import SqliteStorage


class SqliteRunStorage(SqliteStorage, SqlRunStorage):
    """The default run storage; see `SqliteStorage` for the arguments. In `dagster.yaml`:

    run_storage:
      module: core.storage.runs
      class: SqliteRunStorage
      config:
        base_dir: /path/to/dir

    Example:
        >>> from core import PipelineRun
        >>> from core.storage.runs import SqliteRunStorage
        >>> storage = SqliteRunStorage.from_local("my_runs")
        >>> run = storage.add_run(PipelineRun("count", run_id="a-run"))
        >>> storage.dispose()
        >>> SqliteRunStorage.from_local("my_runs").has_run("a-run")
        True
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "run database"
    FILE_NAME = "runs.db"

    def changes(self) -> Changes:
        return SqliteChanges(self.database.path)
