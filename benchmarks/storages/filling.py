"""Filling an instance's databases by SQL, in one transaction: copies of a run and of an event that it stored itself.

It knows as much of an engine's tables as this: runs are in `runs` and `run_tags`, which name a run by its id or its
number, and an event's row has its message in its texts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from benchmarks.storages.engine import TEMPLATE_MESSAGE, run_ids

EVENT_TABLES = {"cloudstore": "events", "dagster": "event_logs"}
_RUN_NUMBERS = {"runs": "id", "run_tags": "run"}  # the column with a run's number, where the table has one


def fill_runs(directory: Path, count: int) -> None:
    """Copies the run of an instance on SQLite until there are `count`.

    Each 1,000th is STARTED and the others succeeded; they are in four teams, and have 1,000 owners.
    """
    with closing(sqlite3.connect(directory / "history" / "runs.db")) as database, database:
        for table, number_column in _RUN_NUMBERS.items():
            database.row_factory = sqlite3.Row
            rows = [dict(row) for row in database.execute(f"select * from {table}")]
            columns = [name for name in rows[0] if name in (number_column, *_columns(rows[0]))]
            names, holes = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
            copies = ([copy[name] for name in columns] for copy in _copies(rows, number_column, count))
            database.executemany(f"insert into {table} ({names}) values ({holes})", copies)


def _columns(row: dict[str, Any]) -> list[str]:
    return [name for name in row if name != "id"]  # which the database numbers


def _copies(rows: list[dict[str, Any]], number_column: str, count: int) -> Iterator[dict[str, Any]]:
    first, *others = run_ids(count)
    for number, run_id in enumerate(others, start=1):
        texts = {
            first: run_id,
            "team-0": f"team-{number % 4}",
            "owner-0": f"owner-{number % 1000}",
            "NOT_STARTED": "STARTED" if number % 1000 == 0 else "SUCCESS",
        }
        for row in rows:
            copy = {name: _replaced(value, texts) for name, value in row.items()}
            if number_column in row:
                copy[number_column] = row[number_column] + number
            yield copy


def _replaced(value: Any, texts: dict[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in texts.items():
            value = value.replace(old, new)
    return value


def copying(table: str, row: dict[str, Any], log: str, count: int) -> str:
    """The statement that makes `count` rows of the one that `log` has, in SQLite and in PostgreSQL.

    Args:
        table: where events are.
        row: the one row, a value for each column.
        log: the run id.
        count: the number of rows.
    """
    columns = _columns(row)
    values = [
        f"replace(\"{name}\", '{TEMPLATE_MESSAGE}', 'number ' || n)"
        if TEMPLATE_MESSAGE in str(row[name])
        else f'"{name}"'
        for name in columns
    ]
    names = ", ".join(f'"{name}"' for name in columns)
    return f"""
        insert into {table} ({names})
        select {", ".join(values)} from {table}, (
            with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < {count - 1})
            select n from numbers
        ) as numbers where run_id = '{log}' order by n
    """


def fill_log(path: Path, table: str, log: str, count: int) -> None:
    """Copies the one event of a log in a SQLite file until it has `count`."""
    with closing(sqlite3.connect(path)) as database, database:
        database.row_factory = sqlite3.Row
        (row,) = database.execute(f"select * from {table} where run_id = ?", (log,)).fetchall()
        database.execute(copying(table, dict(row), log, count))


def fill_logs_in_postgres(url: str, table: str, logs: Mapping[str, int]) -> None:
    """Copies the one event of each log in PostgreSQL until it has the given number, one log after the other.

    The table stays without statistics, as it is when logs have just been written, until `analyze` makes them.
    """
    with psycopg.connect(url, row_factory=dict_row) as database:
        database.execute(f"alter table {table} set (autovacuum_enabled = false)")
        for log, count in logs.items():
            (row,) = database.execute(f"select * from {table} where run_id = %s", (log,)).fetchall()
            database.execute(copying(table, row, log, count))


def analyze(url: str, table: str) -> None:
    """Makes the statistics that PostgreSQL plans by; where autovacuum is on, it does so about a minute later."""
    with psycopg.connect(url) as database:
        database.execute(f"analyze {table}")
