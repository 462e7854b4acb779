"""What storages have in common that keep all they keep in one SQL database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager

import sqlalchemy as sa

from core.records.schema_migration import Migration
from core.storage.sql.database import SqlDatabase


class OneDatabase(ABC):
    """Mixin of a storage: an implementation says which database, and has the parts of the contract that follow."""

    @property
    @abstractmethod
    def database(self) -> SqlDatabase:
        """SqlDatabase: with the schemas that the storage needs."""

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
