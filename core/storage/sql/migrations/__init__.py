"""Migrations of every schema: a folder each, in it a file for each revision."""

from core.storage.sql.migrations.upgrade import upgrade

__all__ = ["upgrade"]
