"""Event logs in SQLite: one database for each run, and one index across runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.config import StringSource
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.event_log.base import StepOutputAddress, StepOutputKey
from core.storage.event_log.schema import index_metadata, log_metadata
from core.storage.event_log.sql import SqlEventLogStorage
from core.storage.paths import file_name
from core.storage.sqlite import SqliteDatabase, database_url

_OPEN_DATABASES = 8  # each holds a connection or two; a process rarely writes to more runs at once


class SqliteEventLogStorage(SqlEventLogStorage, ConfigurableClass):
    """The default event log storage. Runs do not wait for each other, as each has a database file of its own.

    In `dagster.yaml`:

        event_log_storage:
          module: core.storage.event_log
          class: SqliteEventLogStorage
          config:
            base_dir: /path/to/dir

    Args:
        base_dir: the directory of the databases; made when first written to.
        inst_data: what it was configured with.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._base_dir = Path(base_dir).absolute()
        self._inst_data = inst_data
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, SqliteDatabase] = OrderedDict()

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> SqliteEventLogStorage:
        """The storage in a directory."""
        return cls(base_dir, inst_data)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> SqliteEventLogStorage:
        return SqliteEventLogStorage(inst_data=inst_data, **config_value)

    @property
    def is_persistent(self) -> bool:
        return True

    def path_for_run(self, run_id: str) -> Path:
        """The database file of a run."""
        return self._base_dir / "runs" / f"{file_name(run_id, 'run id')}.db"

    @property
    def _index_path(self) -> Path:
        return self._base_dir / "index.db"

    @contextmanager
    def read_run(self, run_id: str) -> Iterator[sa.Connection | None]:
        path = self.path_for_run(run_id)
        if not path.exists():
            yield None
            return
        with self._database(path, log_metadata).read() as connection:
            yield connection

    def write_run(self, run_id: str) -> AbstractContextManager[sa.Connection]:
        return self._database(self.path_for_run(run_id), log_metadata).write()

    def read_index(self) -> AbstractContextManager[sa.Connection]:
        return self._database(self._index_path, index_metadata).read()

    def write_index(self) -> AbstractContextManager[sa.Connection]:
        return self._database(self._index_path, index_metadata).write()

    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        # A question must not make the file: a run that is refused leaves the directory as it was.
        return super().get_step_output_addresses(step_output_versions) if self._index_path.exists() else {}

    def _database(self, path: Path, tables: sa.MetaData) -> SqliteDatabase:
        with self._lock:
            database = self._open.pop(path, None) or SqliteDatabase(database_url(path), tables, "event log")
            self._open[path] = database
            if len(self._open) > _OPEN_DATABASES:
                self._open.popitem(last=False)[1].dispose()
            return database

    def delete_events(self, run_id: str) -> None:
        self._remove(self.path_for_run(run_id))
        if self._index_path.exists():
            self.forget_addresses(run_id)

    def wipe(self) -> None:
        for path in (self._base_dir / "runs").glob("*.db"):
            self._remove(path)
        if self._index_path.exists():
            self.forget_addresses()

    def _remove(self, path: Path) -> None:
        with self._lock:
            database = self._open.pop(path, None)
        if database is not None:
            database.dispose()
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def dispose(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].dispose()
