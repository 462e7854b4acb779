"""Which revisions a database's schemas have, and which they should have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.errors import DagsterSchemaError, DagsterStorageError
from core.storage.sql.schema import Schema

Revisions = dict[str, str | None]
"""The name of a schema to its revision; None where the database has none of its tables."""


@dataclass(frozen=True)
class DatabaseName:
    """A database, for messages.

    Attributes:
        what: "run database".
        place: a path, or a URL without its password.
    """

    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.what} at {self.place}"


def revisions_in(
    connection: sa.Connection,
    schemas: Sequence[Schema],
    name: DatabaseName,
    foreign: Callable[[set[str]], set[str]],
) -> Revisions:
    """The revision of each schema in a database.

    Args:
        connection: to the database.
        schemas: those it should have.
        name: for messages.
        foreign: of the names of all its tables, those by which it is known to be another program's.

    Raises:
        DagsterStorageError: it is another program's, or uses names of our tables for something else.
    """
    tables = set(sa.inspect(connection).get_table_names())
    revisions = {schema.name: schema.revision_in(connection, tables) for schema in schemas}
    taken = [table for schema in schemas if revisions[schema.name] is None for table in schema.metadata.tables]
    others = foreign(tables) if not any(revisions.values()) else set()
    clash = sorted((set(taken) & tables) | others)
    if clash:
        listed = ", ".join(clash[:3]) + (", …" if len(clash) > 3 else "")
        raise DagsterStorageError(
            f"The {name} is another program's: it has the tables {listed}. Name another place for it in dagster.yaml."
        )
    return revisions


def check_not_newer(revisions: Revisions, schemas: Sequence[Schema], name: DatabaseName) -> None:
    """Raises DagsterSchemaError where a newer release made the database."""
    for schema in schemas:
        revision = revisions[schema.name]
        if revision is not None and revision > schema.head:
            raise DagsterSchemaError(
                f"The {name} was made by a newer release: its schema {schema.name} is at revision {revision}, this "
                f"release knows {schema.head}. Upgrade with `pip install --upgrade cloudstore`."
            )


def older_schemas(revisions: Revisions, schemas: Sequence[Schema]) -> list[tuple[Schema, str]]:
    """The schemas that an older release made, each with its revision."""
    found = [(schema, revisions[schema.name]) for schema in schemas]
    return [(schema, revision) for schema, revision in found if revision is not None and revision < schema.head]


def check_current(revisions: Revisions, schemas: Sequence[Schema], name: DatabaseName) -> None:
    """Raises DagsterSchemaError where an older or a newer release made the database."""
    check_not_newer(revisions, schemas, name)
    for schema, revision in older_schemas(revisions, schemas):
        raise DagsterSchemaError(
            f"The {name} was made by an older release: its schema {schema.name} is at revision {revision}, this "
            f"release needs {schema.head}. Migrate it with `cloudstore instance migrate`."
        )
