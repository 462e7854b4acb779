"""The record of the migration of a schema."""

from __future__ import annotations

import msgspec


class Migration(msgspec.Struct, frozen=True):
    """A schema of a database that was brought to a newer revision.

    Attributes:
        database: a path, or a URL without its password.
        schema: the schema, of those that the database has.
        before: the revision it had.
        after: the revision it has.
        backup: the file with the database as it was before; None if backups are its operator's task.
    """

    database: str
    schema: str
    before: str
    after: str
    backup: str | None = None
