"""What every event log storage does, by the contract in `core.storage.event_log.base`."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvariantViolationError
from core.events import DagsterEvent, DagsterEventType, EventLogEntry, EventMetadataEntry, StepOutputHandle
from core.events.payloads import HandledOutputData, StepFailureData
from core.serdes import SerializableErrorInfo
from core.storage.event_log import (
    ConsolidatedSqliteEventLogStorage,
    EventLogStorage,
    InMemoryEventLogStorage,
    SqliteEventLogStorage,
    StepOutputAddress,
)
from core.storage.postgres import PostgresEventLogStorage

Make = Callable[[str, Path], EventLogStorage]
KINDS = ["in_memory", "sqlite", "consolidated_sqlite", "postgres"]


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a storage of a kind; all are closed with the test."""
    made: list[EventLogStorage] = []

    def make(kind: str, path: Path) -> EventLogStorage:
        if kind == "in_memory":
            made.append(InMemoryEventLogStorage())
        elif kind == "sqlite":
            made.append(SqliteEventLogStorage(str(path)))
        elif kind == "consolidated_sqlite":
            made.append(ConsolidatedSqliteEventLogStorage(str(path)))
        else:
            made.append(PostgresEventLogStorage(request.getfixturevalue("new_postgres_url")()))
        return made[-1]

    yield make
    for storage in made:
        storage.dispose()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> EventLogStorage:
    return make(request.param, tmp_path)


def logged(run_id: str, message: str) -> EventLogEntry:
    return EventLogEntry(None, message, logging.INFO, message, run_id, 1.5)


def event(run_id: str, event_type: str, data: object = None, step_key: str | None = None) -> EventLogEntry:
    happened = DagsterEvent(event_type, "p", "m", step_key, event_specific_data=data)  # type: ignore[arg-type]
    return EventLogEntry(None, "m", logging.DEBUG, "m", run_id, 1.5, step_key, "p", happened)


def stored(run_id: str, version: str | None, address: str | None, step_key: str | None = "s") -> EventLogEntry:
    return event(run_id, "HANDLED_OUTPUT", HandledOutputData("result", "io_manager", version, address), step_key)


def messages(storage: EventLogStorage, run_id: str) -> list[str]:
    return [entry.user_message for entry in storage.get_logs_for_run(run_id)]


def test_entries_come_back_whole_and_in_order(storage: EventLogStorage) -> None:
    error = SerializableErrorInfo("E: é🦆\0", ("frame\n",), "E", SerializableErrorInfo("C", ()))
    failure = StepFailureData(error, 1.5, metadata_entries=(EventMetadataEntry.json({"a": [1]}, "x"),))
    entries = [
        logged("r", "first"),
        event("r", "STEP_FAILURE", failure, "s"),
        EventLogEntry(error, "long", logging.ERROR, "long" * 100_000, "r", 1e9 + 0.123456, "s", "p"),
        logged("r", "first"),
    ]
    storage.store_event(entries[0])
    storage.store_events(entries[1:])
    storage.store_events([])
    assert storage.get_logs_for_run("r") == entries
    assert storage.get_logs_for_run("nope") == []


def test_runs_do_not_mix(storage: EventLogStorage) -> None:
    storage.store_events([logged("a", "1"), logged("b", "2"), logged("a", "3"), logged("A", "4"), logged("a ", "5")])
    assert messages(storage, "a") == ["1", "3"]
    assert messages(storage, "b") == ["2"]
    assert messages(storage, "A") == ["4"]
    assert messages(storage, "a ") == ["5"]


def test_cursor_limit_and_type(storage: EventLogStorage) -> None:
    storage.store_events(
        [event("r", name) for name in ("PIPELINE_START", "STEP_START", "STEP_SUCCESS", "STEP_START")]
        + [logged("r", "x")]
    )
    storage.store_event(event("other", "STEP_START"))
    records = storage.get_records_for_run("r")
    places = [record.storage_id for record in records]
    assert places == sorted(set(places))
    assert storage.get_records_for_run("r", cursor=places[1]) == records[2:]
    assert storage.get_records_for_run("r", cursor=places[1], limit=1) == records[2:3]
    assert storage.get_records_for_run("r", cursor=places[-1]) == []
    assert storage.get_records_for_run("r", cursor=0) == records
    assert storage.get_records_for_run("r", limit=0) == []
    assert storage.get_records_for_run("r", of_type=DagsterEventType.STEP_START) == [records[1], records[3]]
    assert storage.get_records_for_run("r", places[1], DagsterEventType.STEP_START, 5) == [records[3]]
    assert storage.get_records_for_run("r", of_type=DagsterEventType.STEP_FAILURE) == []


def test_a_reader_that_follows_sees_each_entry_once(storage: EventLogStorage) -> None:
    seen: list[str] = []
    cursor: int | None = None
    for number in range(7):
        storage.store_events([logged("r", f"{number}a"), logged("r", f"{number}b")])
        for record in storage.get_records_for_run("r", cursor, limit=3):
            seen.append(record.event_log_entry.user_message)
            cursor = record.storage_id
    assert seen == [f"{number}{letter}" for number in range(7) for letter in "ab"]


def key(step_key: str = "s", pipeline: str = "p") -> tuple[str, StepOutputHandle]:
    return pipeline, StepOutputHandle(step_key)


def test_addresses_of_versions(storage: EventLogStorage) -> None:
    assert storage.get_step_output_addresses({key(): "v1"}) == {}
    storage.store_events([stored("r1", "v1", "/1"), stored("r1", "v2", "/2"), stored("r1", "v1", "/t", "t")])
    assert storage.get_step_output_addresses({key(): "v1"}) == {key(): StepOutputAddress("/1", "r1")}
    assert storage.get_step_output_addresses({key(): "v2", key("t"): "v1", key("u"): "v1"}) == {
        key(): StepOutputAddress("/2", "r1"),
        key("t"): StepOutputAddress("/t", "r1"),
    }
    assert storage.get_step_output_addresses({key(): "v", key(pipeline="other"): "v1"}) == {}
    assert storage.get_step_output_addresses({}) == {}


def test_the_address_stored_last_counts_whichever_run_began_first(storage: EventLogStorage) -> None:
    storage.store_event(logged("old", "begins"))
    storage.store_event(stored("new", "v", "/new"))
    storage.store_event(stored("old", "v", "/old"))
    assert storage.get_step_output_addresses({key(): "v"}) == {key(): StepOutputAddress("/old", "old")}


@pytest.mark.parametrize(
    "entry",
    [stored("r", None, "/a"), stored("r", "v", None), stored("r", "v", "/a", None), event("r", "HANDLED_OUTPUT")],
)
def test_what_makes_no_address_known(entry: EventLogEntry, storage: EventLogStorage) -> None:
    storage.store_event(entry)
    assert storage.get_step_output_addresses({key(): "v"}) == {}


def test_many_versions_at_once(storage: EventLogStorage) -> None:
    storage.store_events([stored("r", f"v{number}", f"/{number}", f"s{number}") for number in range(1300)])
    asked = {key(f"s{number}"): f"v{number}" for number in range(1300)}
    found = storage.get_step_output_addresses(asked)
    assert {each.step_key: address.address for (_, each), address in found.items()} == {
        f"s{number}": f"/{number}" for number in range(1300)
    }


def test_delete_and_wipe(storage: EventLogStorage) -> None:
    storage.store_events([stored("a", "v", "/a"), stored("b", "v", "/b"), logged("c", "1")])
    storage.delete_events("b")
    storage.delete_events("nope")
    assert storage.get_logs_for_run("b") == []
    assert storage.get_step_output_addresses({key(): "v"}) == {key(): StepOutputAddress("/a", "a")}
    storage.store_event(logged("b", "again"))
    assert messages(storage, "b") == ["again"]
    storage.wipe()
    assert [messages(storage, run_id) for run_id in "abc"] == [[], [], []]
    assert storage.get_step_output_addresses({key(): "v"}) == {}
    storage.store_event(logged("a", "after"))
    assert messages(storage, "a") == ["after"]


def test_usable_again_after_dispose(storage: EventLogStorage) -> None:
    storage.store_event(stored("r", "v", "/1"))
    storage.dispose()
    storage.store_event(logged("r", "2"))
    storage.dispose()
    assert len(storage.get_logs_for_run("r")) == 2
    assert storage.get_step_output_addresses({key(): "v"}) == {key(): StepOutputAddress("/1", "r")}


def test_more_runs_than_are_held_open(storage: EventLogStorage) -> None:
    for number in (1, 2):
        for run in range(25):
            storage.store_event(logged(f"r{run}", str(number)))
    assert all(messages(storage, f"r{run}") == ["1", "2"] for run in range(25))


def test_many_threads_on_one_run_and_on_many(storage: EventLogStorage) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> None:
        barrier.wait()
        for number in range(20):
            storage.store_events([logged("shared", f"{worker} {number}"), logged(f"own-{worker}", str(number))])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    shared = messages(storage, "shared")
    assert len(shared) == 120
    for worker in range(6):
        assert messages(storage, f"own-{worker}") == list(map(str, range(20)))
        assert [each for each in shared if each.startswith(f"{worker} ")] == [f"{worker} {n}" for n in range(20)]


def test_text_that_is_no_unicode_does_not_fail_the_run(storage: EventLogStorage) -> None:
    storage.store_events([logged("r", "file caf\udce9"), logged("r", "next")])
    first, second = messages(storage, "r")
    assert first.startswith("file caf")
    assert second == "next"


def is_no_file_name(text: str) -> bool:
    """Whether it is empty, no Unicode, or longer than file systems take once it is percent-encoded."""
    return text in ("", "\udce9") or len(text) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_come_back_or_are_refused(kind: str, hostile: str, fenced: Path, make: Make) -> None:
    storage = make(kind, fenced)
    storage.store_event(logged("bystander", "here"))
    entries = [logged(hostile, hostile), stored(hostile, hostile, hostile, hostile)]
    if kind == "sqlite" and is_no_file_name(hostile):
        for refused in (
            lambda: storage.store_events(entries),
            lambda: storage.get_logs_for_run(hostile),
            lambda: storage.delete_events(hostile),
        ):
            with pytest.raises(DagsterInvariantViolationError, match="The run id ") as caught:
                refused()
            assert repr(hostile[:40]) in str(caught.value)
    elif (kind != "in_memory" and hostile == "\udce9") or (kind == "postgres" and "\0" in hostile):
        for refused in (
            lambda: storage.store_events(entries),
            lambda: storage.get_logs_for_run(hostile),
            lambda: storage.delete_events(hostile),
        ):
            with pytest.raises(DagsterInvariantViolationError) as caught:
                refused()
            assert repr(hostile) in str(caught.value)
    else:
        storage.store_events(entries)
        assert storage.get_logs_for_run(hostile) == entries
        asked = ("p", StepOutputHandle(hostile))
        assert storage.get_step_output_addresses({asked: hostile}) == {asked: StepOutputAddress(hostile, hostile)}
        storage.delete_events(hostile)
        assert storage.get_logs_for_run(hostile) == []
        assert storage.get_step_output_addresses({asked: hostile}) == {}
    assert messages(storage, "bystander") == ["here"]


RUN_IDS = st.text(max_size=6).filter(lambda text: text != "")


@given(st.lists(st.tuples(RUN_IDS, st.text(max_size=6)), max_size=10))
@settings(max_examples=25, deadline=None)
def test_sqlite_keeps_what_memory_keeps(
    tmp_path_factory: pytest.TempPathFactory, given_entries: list[tuple[str, str]]
) -> None:
    memory = InMemoryEventLogStorage()
    sqlite = SqliteEventLogStorage(str(tmp_path_factory.mktemp("events")))
    entries = [logged(run_id, message) for run_id, message in given_entries]
    for storage in (memory, sqlite):
        storage.store_events(entries)
    for run_id, _ in given_entries:
        assert sqlite.get_logs_for_run(run_id) == memory.get_logs_for_run(run_id)
    sqlite.dispose()


def test_whether_logs_outlive_the_process(tmp_path: Path) -> None:
    assert not InMemoryEventLogStorage().is_persistent
    assert SqliteEventLogStorage(str(tmp_path)).is_persistent
