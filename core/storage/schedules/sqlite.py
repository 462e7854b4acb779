"""Schedules and sensors in one SQLite database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.config import StringSource
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.schedules.schema import SCHEMA
from core.storage.schedules.sql import SqlScheduleStorage
from core.storage.sql.sqlite import SqliteDatabase, sqlite_url


class SqliteScheduleStorage(SqlScheduleStorage, ConfigurableClass):
    """The default schedule storage. In `dagster.yaml`:

        schedule_storage:
          module: core.storage.schedules
          class: SqliteScheduleStorage
          config:
            base_dir: /path/to/dir

    Args:
        conn_string: a SQLAlchemy URL, `sqlite:///path/to/schedules.db`; the file is made when it is not there.
        inst_data: what it was configured with.

    Raises:
        DagsterStorageError: the URL is none of SQLite.
    """

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._database = SqliteDatabase.at_url(conn_string, [SCHEMA], "schedule database")
        self._inst_data = inst_data

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> SqliteScheduleStorage:
        """The storage in `schedules.db` of a directory."""
        return cls(sqlite_url(Path(base_dir) / "schedules.db"), inst_data)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> SqliteScheduleStorage:
        return SqliteScheduleStorage.from_local(config_value["base_dir"], inst_data)

    @property
    def database(self) -> SqliteDatabase:
        return self._database
