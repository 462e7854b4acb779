"""The tables of a storage, and the revision of them that a database has."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

import sqlalchemy as sa

from core.cached import cached_property

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite assigns ids only to INTEGER columns
UNVERSIONED_REVISION = "0001"  # of release 0.1.0, whose databases do not store their revision


@dataclass(frozen=True)
class Schema:
    """The tables of one storage, at their newest revision.

    Attributes:
        name: also the folder of its migrations.
        metadata: the tables, at the newest revision.
        head: the newest revision: four digits, which grow.
        unversioned: the tables by which a database of release 0.1.0 is recognized.
    """

    name: str
    metadata: sa.MetaData
    head: str
    unversioned: Set[str] = field(default_factory=frozenset)

    @property
    def version_table_name(self) -> str:
        """str: the table that holds the revision; one for each schema, as a database may hold several."""
        return f"cloudstore_{self.name}_version"

    @cached_property
    def version_table(self) -> sa.Table:
        """sa.Table: with the columns that Alembic expects."""
        return sa.Table(
            self.version_table_name, sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
        )

    def revision_in(self, connection: sa.Connection, tables: Set[str]) -> str | None:
        """The revision of the schema in a database, or None if the database has none of its tables.

        Args:
            connection: to the database.
            tables: the names of all tables there.
        """
        if self.version_table_name in tables:
            return str(connection.execute(sa.select(self.version_table.c.version_num)).scalar_one())
        could_be_unversioned = connection.dialect.name == "sqlite" and "alembic_version" not in tables  # Dagster's
        is_unversioned = could_be_unversioned and bool(self.unversioned) and self.unversioned <= tables
        return UNVERSIONED_REVISION if is_unversioned else None

    def create(self, connection: sa.Connection) -> None:
        """Creates the tables, at the newest revision."""
        self.metadata.create_all(connection, checkfirst=False)
        self.version_table.create(connection)
        connection.execute(self.version_table.insert(), {"version_num": self.head})
