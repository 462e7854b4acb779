"""The same inserts by sqlite3 alone: the least that an engine on SQLite does."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

from benchmarks.storages.engine import run_ids

_TABLES = """
create table runs (
    id integer primary key, run_id text unique, pipeline_name text, status text, created real, body text
);
create index runs_by_name on runs (pipeline_name);
create index runs_by_status on runs (status);
create table run_tags (run_id text, key text, value text, primary key (run_id, key));
create index run_tags_by_value on run_tags (key, value);
create table events (
    id integer primary key, run_id text, event_type text, step_key text, timestamp real, body text
);
create index events_by_run on events (run_id, id);
"""
Run = tuple[str, dict[str, str]]


class Bare:
    """The Inserts: each run, and each event, in a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=normal")
        self._database.executescript(_TABLES)

    def new_run(self, run_id: str, tags: dict[str, str]) -> Run:
        return run_id, tags

    def add_run(self, run: Run) -> None:
        run_id, tags = run
        body = json.dumps({"pipeline_name": "talking", "run_id": run_id, "mode": "default", "padding": "x" * 300})
        self._database.execute("begin immediate")
        row = (run_id, "talking", "NOT_STARTED", time.time(), body)
        self._database.execute(
            "insert into runs (run_id, pipeline_name, status, created, body) values (?, ?, ?, ?, ?)", row
        )
        rows = [(run_id, key, value) for key, value in tags.items()]
        self._database.executemany("insert into run_tags values (?, ?, ?)", rows)
        self._database.execute("commit")

    def run_step(self, messages: int) -> str:
        (run_id,) = run_ids(1)
        for number in range(messages):
            body = json.dumps({"message": f"number {number}", "run_id": run_id, "level": 20, "padding": "x" * 200})
            row = (run_id, None, "talk", time.time(), body)
            self._database.execute(
                "insert into events (run_id, event_type, step_key, timestamp, body) values (?, ?, ?, ?, ?)", row
            )
        return run_id

    def close(self) -> None:
        self._database.close()


def open_instance(directory: Path, _postgres_url: str | None) -> Bare:
    """A database in a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    return Bare(directory / "bare.db")
