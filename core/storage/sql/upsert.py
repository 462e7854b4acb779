"""Inserts of rows that may exist already; SQLAlchemy has a separate construct for each database."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa


def insert_missing(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts those of `rows` whose primary keys are new."""
    if rows:
        connection.execute(_insert_missing(connection.dialect.name, table), rows)


def insert_or_replace(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts `rows`; an existing row with the same primary key gets the new values."""
    if rows:
        connection.execute(_insert_or_replace(connection.dialect.name, table), rows)


# Building a statement takes longer than executing it.


@cache
def _insert_missing(dialect: str, table: sa.Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _insert_or_replace(dialect: str, table: sa.Table) -> Any:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    values = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=values)


def _insert(dialect: str, table: sa.Table) -> Any:
    # Only the dialect in use, which is imported already: importing that of PostgreSQL takes 30 ms.
    return importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
