"""Opening SQLite databases so that many processes can share them."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.errors import DagsterInvariantViolationError, DagsterStorageError

BUSY_TIMEOUT_MS = 60_000
_WAL_PAUSE_SECONDS = 0.005
CHECKPOINT_PAGES = 16_384  # of 4 KiB: 64 MiB


def database_url(path: Path) -> str:
    """The SQLAlchemy URL of a SQLite database file."""
    return sa.URL.create("sqlite", database=str(path)).render_as_string()


class SqliteDatabase:
    """One database file: WAL, a busy timeout, short transactions that take their lock at once.

    Args:
        url: a SQLAlchemy URL, `sqlite:///path`.
        tables: made when the file is new.
        what: what the database is, for messages.

    Raises:
        DagsterStorageError: the file cannot be opened, or is no database.
    """

    def __init__(self, url: str, tables: sa.MetaData, what: str) -> None:
        self._what = what
        parsed = _sqlite_url(url)
        self.path = Path(parsed.database or "")
        with self._errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
            weakref.finalize(self, _close, self._engine, os.getpid())
            sa.event.listen(self._engine, "connect", _set_pragmas)
            sa.event.listen(self._engine, "begin", _begin)
            with self._engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
                tables.create_all(connection)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database for as long as it is open."""
        with self._errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection in a transaction that holds the write lock from its start; keep it short."""
        with self._errors(), self._engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Closes the connections, which also takes away the WAL's side files when they were the last ones."""
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # the queries know what it means
        except sa.exc.DBAPIError as error:
            raise DagsterStorageError(f"Cannot use the {self._what} at {self.path}: {error.orig}.") from error
        except UnicodeEncodeError as error:
            raise DagsterInvariantViolationError(f"{error.object[:40]!r} is not valid Unicode text.") from error
        except OSError as error:
            raise DagsterStorageError(f"Cannot use the {self._what} at {self.path}: {error}.") from error


def _sqlite_url(url: str) -> sa.URL:
    hint = "is no SQLite URL; write it as sqlite:///path/to/file.db."
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise DagsterStorageError(f"{url!r} {hint}") from error
    if parsed.get_backend_name() != "sqlite":
        raise DagsterStorageError(f"{parsed.render_as_string(hide_password=True)!r} {hint}")
    return parsed


def _close(engine: sa.Engine, owner_pid: int) -> None:
    # A forked child must leave its parent's connections alone: closing one there would take away the parent's locks.
    if os.getpid() == owner_pid:
        engine.dispose()


def _set_pragmas(connection: Any, _record: object) -> None:
    # The driver must not begin transactions of its own; `_begin` does, in the mode that is wanted.
    connection.isolation_level = None
    try:
        _use_wal(connection)
        # In WAL mode NORMAL survives a killed process whole; only a power cut can take the last commits.
        connection.execute("PRAGMA synchronous=NORMAL")
        # A checkpoint waits for the disk, 60 ms here: so rarely while a run goes on, and when the file is closed.
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()  # the pool has not got it yet
        raise


def _use_wal(connection: Any) -> None:
    """Switches a new file to WAL mode. SQLite does not wait where two processes do so at once, but answers "locked"."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
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
