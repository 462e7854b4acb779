"""What migrating a database did."""

from __future__ import annotations

import msgspec


class Migration(msgspec.Struct, frozen=True):
    """A schema of a database that was brought to a newer revision.

    Attributes:
        database: a path, or a URL without its password.
        schema: which of its schemas.
        before: the revision it had.
        after: the revision it has.
        backup: the file that holds the database as it was; None where its operator makes backups.
    """

    database: str
    schema: str
    before: str
    after: str
    backup: str | None = None
