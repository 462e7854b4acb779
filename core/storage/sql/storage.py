"""The part that storages in a single SQL database have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

import sqlalchemy as sa

from core.records.schema_migration import Migration
from core.storage.sql.database import SqlDatabase


class SqlStorage(ABC):
    """Mixin of a storage in one SQL database; an implementation says which database that is."""

    @property
    @abstractmethod
    def database(self) -> SqlDatabase:
        """SqlDatabase: the database, with the schemas that the storage needs."""

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection for queries; see `SqlDatabase.read`."""
        return self.database.read()

    def write(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction; see `SqlDatabase.write`."""
        return self.database.write()

    def check(self) -> None:
        """See `SqlDatabase.check`."""
        self.database.check()

    def migrate(self) -> list[Migration]:
        """See `SqlDatabase.migrate`."""
        return self.database.migrate()

    def dispose(self) -> None:
        """See `SqlDatabase.dispose`."""
        self.database.dispose()
