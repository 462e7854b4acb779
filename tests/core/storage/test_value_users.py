"""How many runs use a value, as every event log storage counts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.events.payloads import HandledOutputData, MemoizedOutput, StepMemoizedData
from core.events.records import DagsterEvent, EventLogEntry
from core.storage.event_log import ConsolidatedSqliteEventLogStorage, InMemoryEventLogStorage, SqliteEventLogStorage
from core.storage.event_log.base import EventLogStorage
from core.storage.postgres import PostgresEventLogStorage


@pytest.fixture(params=["in memory", "sqlite", "consolidated", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> EventLogStorage:
    if request.param == "postgres":
        new_url: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        return PostgresEventLogStorage(new_url())
    if request.param == "in memory":
        return InMemoryEventLogStorage()
    made = SqliteEventLogStorage if request.param == "sqlite" else ConsolidatedSqliteEventLogStorage
    return made(str(tmp_path))


def entry(run_id: str, kind: str, data: Any) -> EventLogEntry:
    event = DagsterEvent(kind, "p", "done", "s", "s", data)
    return EventLogEntry(run_id=run_id, message="", level=10, user_message="", timestamp=1.0, step_key="s",
                         pipeline_name="p", dagster_event=event, error_info=None)  # fmt: skip


def stored(run_id: str, address: str) -> EventLogEntry:
    return entry(run_id, "HANDLED_OUTPUT", HandledOutputData("result", "io_manager", version="v", address=address))


def found(run_id: str, address: str) -> EventLogEntry:
    outputs = (MemoizedOutput("result", "v", address, "r0"),)
    return entry(run_id, "STEP_MEMOIZED", StepMemoizedData(outputs))


def test_users_are_counted(storage: EventLogStorage) -> None:
    assert storage.count_users(["s3://b/1"]) == {}
    storage.store_events([stored("r0", "s3://b/1"), stored("r0", "s3://b/1"), found("r1", "s3://b/1")])
    storage.store_events([stored("r2", "s3://b/2"), stored("r2", "s3://b/3")])
    asked = ["s3://b/1", "s3://b/2", "s3://b/4", "s3://b/1"]
    assert storage.count_users(asked) == {"s3://b/1": 2, "s3://b/2": 1}
    assert storage.count_users(asked, ["r1", "r2", "r3", "r1"]) == {"s3://b/1": 1, "s3://b/2": 1}
    assert storage.count_users(asked, []) == {}
    assert storage.count_users([]) == {}
    storage.delete_events("r1")
    assert storage.count_users(asked) == {"s3://b/1": 1, "s3://b/2": 1}
    storage.dispose()


def test_of_many_values_and_runs(storage: EventLogStorage) -> None:
    addresses = [f"/v/{number}" for number in range(1201)]
    for run in range(3):
        storage.store_events([found(f"r{run}", address) for address in addresses[run:]])
    counts = storage.count_users(addresses)
    assert (len(counts), sum(counts.values()), counts["/v/0"], counts["/v/1200"]) == (1201, 3600, 1, 3)
    runs = [f"r{number}" for number in range(1100)]
    assert storage.count_users(addresses, runs) == counts
    storage.dispose()
