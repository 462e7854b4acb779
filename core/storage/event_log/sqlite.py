"""Event logs in SQLite: one database for each run, and one index across runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.config import StringSource
from core.disk.deleting import with_sizes
from core.disk.paths import can_name_file, file_name
from core.forks import reset_in_forked_children
from core.records.claim import Claim
from core.records.removal import Removal
from core.records.schema_migration import Migration
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA
from core.storage.event_log.sql import SqlEventLogStorage, wipe_index
from core.storage.sqlite.database import SqliteDatabase

_OPEN_DATABASES = 8  # each holds a connection or two; a process rarely writes to more runs at once


class SqliteEventLogStorage(SqlEventLogStorage, ConfigurableClass):
    """The default event log storage. Each run has a database file of its own, so runs do not wait for each other.

    In `dagster.yaml`:

        event_log_storage:
          module: core.storage.event_log
          class: SqliteEventLogStorage
          config:
            base_dir: /path/to/dir

    Args:
        base_dir: the directory of the databases; it is created on the first write.
        inst_data: the config that it was made from.

    Example:
        >>> from core import EventLogEntry
        >>> from core.storage.event_log import SqliteEventLogStorage
        >>> storage = SqliteEventLogStorage("my_logs")
        >>> storage.store_events([EventLogEntry(None, "hello", 20, "hello", "a-run", timestamp=1620000000.0)])
        >>> [record.event_log_entry.message for record in storage.get_records_for_run("a-run")]
        ['hello']
        >>> storage.dispose()
    """

    is_of_one_machine = True

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._base_dir = Path(base_dir).absolute()
        self._inst_data = inst_data
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, SqliteDatabase] = OrderedDict()
        reset_in_forked_children(self)
        self._index = SqliteDatabase(self._index_path, [INDEX_SCHEMA], "index of event logs")

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

    def reset_after_fork(self) -> None:
        """Called in a forked child: a thread that does not exist in the child may have held the lock."""
        self._lock = threading.Lock()

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
        if not path.exists():  # a query must not create the file
            yield None
            return
        with self._log(path).read() as connection:
            yield connection

    def write_run(self, run_id: str) -> AbstractContextManager[sa.Connection]:
        return self._log(self.path_for_run(run_id)).write()

    def raise_fence(self, connection: sa.Connection, claim: Claim) -> bool:
        # A number in the header of the file that SQLite leaves to its users; it changes with the transaction.
        number: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if number < claim.number:
            connection.exec_driver_sql(f"PRAGMA user_version = {claim.number:d}")
        return number <= claim.number

    @contextmanager
    def read_index(self) -> Iterator[sa.Connection | None]:
        if not self._index_path.exists():
            yield None
            return
        with self._index.read() as connection:
            yield connection

    def write_index(self) -> AbstractContextManager[sa.Connection]:
        return self._index.write()

    def _log(self, path: Path) -> SqliteDatabase:
        with self._lock:
            database = self._open.pop(path, None)
            if database is not None and database.has_lost_its_file:  # nobody would see what is stored in it
                database.dispose()
                database = None
            database = database or SqliteDatabase(path, [LOG_SCHEMA], "event log")
            self._open[path] = database
            if len(self._open) > _OPEN_DATABASES:
                self._open.popitem(last=False)[1].dispose()
            return database

    def delete_log(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not can_name_file(run_id):  # then it has no log
            return []
        path = self.path_for_run(run_id)
        self._let_go_of(path)
        files = dict(with_sizes(_with_side_files(path)))
        if not dry_run:
            _unlink_all(files)
        return [Removal("events", str(each), size_bytes) for each, size_bytes in files.items()]

    def forget_index_entries(self, run_id: str) -> None:
        if can_name_file(run_id) and self._index_path.exists():
            super().forget_index_entries(run_id)

    def wipe(self) -> None:
        if self._index_path.exists():
            with self.write_index() as connection:
                wipe_index(connection)
        for path in self._logs():
            self._let_go_of(path)
            _unlink_all(_with_side_files(path))

    def _logs(self) -> Iterator[Path]:
        return (self._base_dir / "runs").glob("*.db")

    def _let_go_of(self, path: Path) -> None:
        with self._lock:
            database = self._open.pop(path, None)
        if database is not None:
            database.dispose()

    def check(self) -> None:
        self._index.check()

    def migrate(self) -> list[Migration]:
        self.dispose()
        logs = [migration for path in sorted(self._logs()) for migration in self._log(path).migrate()]
        return logs + (self._index.migrate() if self._index_path.exists() else [])

    def dispose(self) -> None:
        super().dispose()
        with self._lock:
            while self._open:
                self._open.popitem()[1].dispose()
        self._index.dispose()


def _with_side_files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "")]


def _unlink_all(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
