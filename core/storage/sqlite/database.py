"""SQLite databases that many processes can share."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.disk.private import make_folder, open_new
from core.errors import DagsterStorageError
from core.records.schema_migration import Migration
from core.storage.sql.database import SqlDatabase
from core.storage.sql.revisions import DatabaseName
from core.storage.sql.schema import Schema
from core.wording import ended

BUSY_TIMEOUT_MS = 60_000
_WAL_PAUSE_SECONDS = 0.005
CHECKPOINT_PAGES = 16_384  # of 4 KiB: 64 MiB


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of a SQLite database file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


class SqliteDatabase(SqlDatabase):
    """A database file: in WAL mode, with a busy timeout, and short transactions that take their lock at once.

    Args:
        path: the file; its directory is created with it.
        schemas: the schemas that it must have.
        what: its name in messages, such as "run database".
    """

    # Not unixepoch('now', 'subsec'), which SQLite has since 3.42, and Python uses the system's.
    NOW = sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Float)

    def __init__(self, path: Path, schemas: Sequence[Schema], what: str) -> None:
        self.path = path.absolute()  # still the same file after a change of directory
        self._opened_file: tuple[int, int] | None = None
        super().__init__(DatabaseName(what, str(self.path)), schemas)

    @classmethod
    def at_url(cls, url: str, schemas: Sequence[Schema], what: str) -> SqliteDatabase:
        """The database at a SQLAlchemy URL, `sqlite:///path`; raises DagsterStorageError for any other URL."""
        return cls(_path_in(url), schemas, what)

    def check(self) -> None:
        if self.path.exists():
            super().check()
        else:  # a check must not create the file
            with self._errors():
                _check_can_be_made(self.path)

    def migrate(self) -> list[Migration]:
        return super().migrate() if self.path.exists() else []

    @property
    def has_lost_its_file(self) -> bool:
        """bool: whether it is open, and the file was deleted or replaced since."""
        return self._opened is not None and self._opened_file != _identity(self.path)

    def _open(self) -> sa.Engine:
        engine = super()._open()
        self._opened_file = _identity(self.path)
        return engine

    def _make_engine(self) -> sa.Engine:
        make_folder(self.path.parent)
        with suppress(OSError):  # it is there, or SQLite says what is wrong
            # SQLite gives the files that it makes beside this one the same permissions.
            os.close(open_new(self.path, os.O_RDWR | os.O_EXCL))
        url = sa.URL.create("sqlite", database=str(self.path))
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", _begin)
        return engine

    def _reading(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        return engine.connect()

    @contextmanager
    def _writing(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection, connection.begin():
            yield connection

    def _foreign(self, tables: set[str]) -> set[str]:
        return tables  # no other program has tables in this file

    def _meaning_of(self, error: sa.exc.DBAPIError) -> Exception:
        return DagsterStorageError(f"Cannot use the {self._name}: {error.orig}.")

    def _backup(self) -> str | None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        backup = self.path.with_name(f"{self.path.name}.{stamp}.backup")
        unfinished = backup.with_name(f"{backup.name}.part")
        try:
            os.close(open_new(unfinished, os.O_RDWR))
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(unfinished)) as target:
                source.backup(target)
            unfinished.rename(backup)
        except sqlite3.Error as error:
            raise DagsterStorageError(ended(f"Cannot back up the {self._name} to {backup}: {error}")) from error
        finally:
            unfinished.unlink(missing_ok=True)
        return str(backup)


def _path_in(url: str) -> Path:
    hint = "is not a SQLite URL; write it as sqlite:///path/to/file.db."
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # It may hold a password, and the cause may show it.
        raise DagsterStorageError(f"The connection string {hint}") from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise DagsterStorageError(f"{parsed.render_as_string(hide_password=True)!r} {hint}")
    return Path(str(parsed.database))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_can_be_made(path: Path) -> None:
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is not a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{there} is not writable")


def _set_pragmas(connection: Any, _record: object) -> None:
    # The driver must not begin transactions; `_begin` does, in the right mode.
    connection.isolation_level = None
    try:
        _use_wal(connection)
        # In WAL mode, NORMAL loses nothing when a process is killed; only a power cut can lose the last commits.
        connection.execute("PRAGMA synchronous=NORMAL")
        # A checkpoint waits for the disk, 60 ms here; so there are few during a run, and one when the file is closed.
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()  # the pool does not know it yet
        raise


def _use_wal(connection: Any) -> None:
    """Switches a new file to WAL mode. If two processes do so at once, SQLite does not wait but answers "locked"."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # An empty file has nothing that a power cut could destroy; to have it on the disk takes 5 ms here.
                connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
