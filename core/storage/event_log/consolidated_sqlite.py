"""Event logs of all runs in one SQLite database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.config import StringSource
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.event_log.consolidated import ConsolidatedEventLogStorage
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA
from core.storage.sqlite.database import SqliteDatabase


class ConsolidatedSqliteEventLogStorage(ConsolidatedEventLogStorage, ConfigurableClass):
    """Event logs in `event_log.db` of a directory: one file to look at, for which all runs wait for each other.

    For tests and small instances. In `dagster.yaml`:

        event_log_storage:
          module: core.storage.event_log
          class: ConsolidatedSqliteEventLogStorage
          config:
            base_dir: /path/to/dir

    Args:
        base_dir: the directory; it is created on the first write.
        inst_data: the config that it was made from.

    Example:
        >>> from core import EventLogEntry
        >>> from core.storage.event_log import ConsolidatedSqliteEventLogStorage
        >>> storage = ConsolidatedSqliteEventLogStorage("my_logs")
        >>> storage.store_events([EventLogEntry(None, "hello", 20, "hello", run, 1620000000.0) for run in ("a", "b")])
        >>> len(storage.get_records_for_run("a"))
        1
        >>> storage.dispose()
    """

    is_of_one_machine = True

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        path = Path(base_dir).absolute() / "event_log.db"
        self._database = SqliteDatabase(path, [LOG_SCHEMA, INDEX_SCHEMA], "event log")
        self._inst_data = inst_data

    @classmethod
    def from_local(
        cls, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> ConsolidatedSqliteEventLogStorage:
        """The storage in a directory."""
        return cls(base_dir, inst_data)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @staticmethod
    def from_config_value(
        inst_data: ConfigurableClassData, config_value: dict[str, Any]
    ) -> ConsolidatedSqliteEventLogStorage:
        return ConsolidatedSqliteEventLogStorage(inst_data=inst_data, **config_value)

    @property
    def database(self) -> SqliteDatabase:
        return self._database
