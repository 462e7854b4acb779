"""The revisions that the schemas of a database have, held against those that this release needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from core.errors import DagsterSchemaError, DagsterStorageError
from core.storage.sql.schema import Schema

Revisions = dict[str, str | None]
"""The name of a schema -> its revision; None if the database has none of its tables."""


@dataclass(frozen=True)
class DatabaseName:
    """The name of a database in messages.

    Attributes:
        what: its kind, such as "run database".
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
        schemas: the schemas that it should have.
        name: its name in messages.
        foreign: given the names of all its tables, those that show that it is another program's.

    Raises:
        DagsterStorageError: it is another program's, or has other tables with our names.
    """
    tables = set(sa.inspect(connection).get_table_names())
    revisions = {schema.name: schema.revision_in(connection, tables) for schema in schemas}
    taken = [table for schema in schemas if revisions[schema.name] is None for table in schema.metadata.tables]
    others = foreign(tables) if not any(revisions.values()) else set()
    clash = sorted((set(taken) & tables) | others)
    if clash:
        listed = ", ".join(clash[:3]) + (", …" if len(clash) > 3 else "")
        raise DagsterStorageError(
            f"The {name} belongs to another program: it has the tables {listed}. "
            "Choose another database in dagster.yaml."
        )
    return revisions


def check_not_newer(revisions: Revisions, schemas: Sequence[Schema], name: DatabaseName) -> None:
    """Raises DagsterSchemaError if the database was made by a newer release."""
    for schema in schemas:
        revision = revisions[schema.name]
        if revision is not None and revision > schema.head:
            raise DagsterSchemaError(
                f"The {name} was made by a newer release: its schema {schema.name} is at revision {revision}, and this "
                f"release knows revisions up to {schema.head}. Upgrade with `pip install --upgrade cloudstore`."
            )


def older_schemas(revisions: Revisions, schemas: Sequence[Schema]) -> list[tuple[Schema, str]]:
    """The schemas at an older revision, each with that revision."""
    found = [(schema, revisions[schema.name]) for schema in schemas]
    return [(schema, revision) for schema, revision in found if revision is not None and revision < schema.head]


def check_current(revisions: Revisions, schemas: Sequence[Schema], name: DatabaseName) -> None:
    """Raises DagsterSchemaError if the database was made by an older or a newer release."""
    check_not_newer(revisions, schemas, name)
    for schema, revision in older_schemas(revisions, schemas):
        raise DagsterSchemaError(
            f"The {name} was made by an older release: its schema {schema.name} is at revision {revision}, and this "
            f"release needs revision {schema.head}. Migrate it with `cloudstore instance migrate`."
        )
