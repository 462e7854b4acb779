"""A SQL database as the storages use it: opened when needed, short transactions, errors translated in one place."""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar, NamedTuple

import sqlalchemy as sa

from core.errors import DagsterInvariantViolationError, DagsterStorageError
from core.forks import reset_in_forked_children
from core.records.schema_migration import Migration
from core.storage.sql.migrations import upgrade
from core.storage.sql.revisions import (
    DatabaseName,
    Revisions,
    check_current,
    check_not_newer,
    older_schemas,
    revisions_in,
)
from core.storage.sql.schema import Schema
from core.wording import ended


class _Opened(NamedTuple):
    engine: sa.Engine
    close: weakref.finalize[..., SqlDatabase]


_of_parents: list[_Opened] = []  # kept alive, since garbage collection would close them


class SqlDatabase(ABC):
    """One database. It is opened when first used, and its tables are created then if it has none.

    Safe for threads and for forked processes: a child opens its own connections.

    Args:
        name: its name and place, for messages.
        schemas: the schemas that it must have.
    """

    NOW: ClassVar[sa.ColumnElement[float]]
    """The time by the clock of the database, in seconds of Unix time: that of the statement's begin."""

    def __init__(self, name: DatabaseName, schemas: Sequence[Schema]) -> None:
        self._name = name
        self._schemas = schemas
        self._lock = threading.Lock()
        self._opened: _Opened | None = None
        reset_in_forked_children(self)

    @property
    def place(self) -> str:
        """str: a path, or a URL without its password."""
        return self._name.place

    @abstractmethod
    def _make_engine(self) -> sa.Engine:
        """An engine that has not connected yet."""

    @abstractmethod
    def _reading(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        """A connection that sees one state of the database."""

    @abstractmethod
    def _writing(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        """A connection in a transaction that ends with the block."""

    def _lock_schemas(self, connection: sa.Connection) -> None:
        """Waits for other processes that create or migrate tables; databases with a single writer need no lock."""
        return

    @abstractmethod
    def _foreign(self, tables: set[str]) -> set[str]:
        """Of the tables of a database that has none of ours, those that show that it is another program's."""

    @abstractmethod
    def _meaning_of(self, error: sa.exc.DBAPIError) -> Exception:
        """The exception to raise for an error of the driver."""

    @abstractmethod
    def _backup(self) -> str | None:
        """Backs up the database before a migration and returns where; None if backups are its operator's task."""

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one state of the database for as long as it is open.

        Raises:
            DagsterStorageError: the database cannot be used.
            DagsterSchemaError: it has to be migrated, or was made by a newer release.
        """
        with self._errors(), self._reading(self._engine()) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A connection in a transaction, which is committed at the end of the block and rolled back if it raises.

        Keep transactions short: others wait for them.

        Raises:
            DagsterStorageError, DagsterSchemaError: as for `read`.
            sqlalchemy.exc.IntegrityError: untranslated, since only the queries know its meaning.
        """
        with self._errors(), self._writing(self._engine()) as connection:
            yield connection

    def check(self) -> None:
        """Opens the database; raises the errors of `read`."""
        with self._errors():
            self._engine()

    def dispose(self) -> None:
        """Closes the connections that are not in use. The database is opened again when it is used again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def reset_after_fork(self) -> None:
        """Called in a forked child: keeps the parent's connections open, since closing them would release its locks."""
        self._lock = threading.Lock()  # a thread that does not exist in the child may have held it
        if self._opened is not None:
            self._opened.close.detach()
            _of_parents.append(self._opened)
            self._opened = None

    def migrate(self) -> list[Migration]:
        """Brings all schemas to their newest revisions, or none; a database file is backed up first.

        Returns:
            What was done; nothing if the database is up to date or has no tables yet.

        Raises:
            DagsterStorageError: the database cannot be used, or a migration failed; nothing is changed then.
            DagsterSchemaError: it was made by a newer release.
        """
        self.dispose()
        engine = self._make_engine()
        try:
            with self._errors():
                return self._migrate(engine)
        finally:
            engine.dispose()

    def _migrate(self, engine: sa.Engine) -> list[Migration]:
        with self._reading(engine) as connection:
            revisions = self._revisions(connection)
        check_not_newer(revisions, self._schemas, self._name)
        if not older_schemas(revisions, self._schemas):
            return []
        backup = self._backup()
        with self._writing(engine) as connection:
            self._lock_schemas(connection)
            older = older_schemas(self._revisions(connection), self._schemas)  # another process may have been faster
            for schema, revision in older:
                upgrade(connection, schema.name, schema.version_table_name, revision)
        return [Migration(self._name.place, each.name, revision, each.head, backup) for each, revision in older]

    def _engine(self) -> sa.Engine:
        opened = self._opened
        if opened is not None:
            return opened.engine
        with self._lock:
            if self._opened is None:
                engine = self._open()
                self._opened = _Opened(engine, weakref.finalize(self, engine.dispose))
            return self._opened.engine

    def _open(self) -> sa.Engine:
        engine = self._make_engine()
        try:
            with self._reading(engine) as connection:
                revisions = self._revisions(connection)
            if None in revisions.values():
                with self._writing(engine) as connection:
                    self._lock_schemas(connection)
                    revisions = self._create_missing(connection)
            check_current(revisions, self._schemas, self._name)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _revisions(self, connection: sa.Connection) -> Revisions:
        return revisions_in(connection, self._schemas, self._name, self._foreign)

    def _create_missing(self, connection: sa.Connection) -> Revisions:
        revisions = self._revisions(connection)  # another process may have been faster
        for schema in self._schemas:
            if revisions[schema.name] is None:
                schema.create(connection)
                revisions[schema.name] = schema.head
        return revisions

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise self._meaning_of(error) from error
        except sa.exc.TimeoutError as error:
            raise DagsterStorageError(
                f"Cannot use the {self._name}: too many threads of this process use it at once; use fewer threads."
            ) from error
        except UnicodeEncodeError as error:
            raise DagsterInvariantViolationError(f"{error.object[:40]!r} is not valid Unicode text.") from error
        except OverflowError as error:
            raise DagsterInvariantViolationError(
                ended(f"A number is too large for the {self._name}: {error}")
            ) from error
        except OSError as error:
            raise DagsterStorageError(ended(f"Cannot use the {self._name}: {error}")) from error
