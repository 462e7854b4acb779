"""The migrations of every schema: a folder for each schema, with a file for each revision."""

from core.storage.sql.migrations.upgrade import upgrade

__all__ = ["upgrade"]
