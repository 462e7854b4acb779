"""What every event log storage does, by the contract in `core.storage.event_log.base`."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvariantViolationError, DagsterRunConflict, DagsterStorageError
from core.events import AssetKey, DagsterEvent, DagsterEventType, EventLogEntry, EventMetadataEntry, StepOutputHandle
from core.events.payloads import (
    HandledOutputData,
    MemoizedOutput,
    StepFailureData,
    StepMaterializationData,
    StepMemoizedData,
)
from core.records.claim import Claim
from core.serdes import SerializableErrorInfo
from core.storage.event_log import (
    ConsolidatedSqliteEventLogStorage,
    EventLogRecord,
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


def stored(
    run_id: str,
    version: str | None,
    address: str | None,
    step_key: str | None = "s",
    mapping_key: str | None = None,
    stamp: str | None = None,
) -> EventLogEntry:
    data = HandledOutputData("result", "io_manager", version, address, stamp=stamp, mapping_key=mapping_key)
    return event(run_id, "HANDLED_OUTPUT", data, step_key)


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


def test_a_negative_limit_is_refused(storage: EventLogStorage) -> None:
    storage.store_events([logged("r", "1"), made_asset("r", ("a",))])
    for ask in (
        lambda: storage.get_records_for_run("r", limit=-1),
        lambda: storage.get_asset_records(AssetKey("a"), limit=-1),
    ):
        with pytest.raises(DagsterInvariantViolationError, match="limit is -1; give 0 or more, or None for all"):
            ask()
    assert len(storage.get_records_for_run("r", cursor=-1)) == 2


def test_a_reader_that_follows_sees_each_entry_once(storage: EventLogStorage) -> None:
    seen: list[str] = []
    cursor: int | None = None
    for number in range(7):
        storage.store_events([logged("r", f"{number}a"), logged("r", f"{number}b")])
        for record in storage.get_records_for_run("r", cursor, limit=3):
            seen.append(record.event_log_entry.user_message)
            cursor = record.storage_id
    assert seen == [f"{number}{letter}" for number in range(7) for letter in "ab"]


def key(step_key: str = "s", pipeline: str = "p", mapping_key: str | None = None) -> tuple[str, StepOutputHandle]:
    return pipeline, StepOutputHandle(step_key, mapping_key=mapping_key)


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


MAPPING_KEYS = [
    None,
    "",
    "a",
    "A",
    "a ",
    "b",
    "a/b",
    "..",
    "a[b]",
    "[a]",
    "None",
    "null",
    "é🦆",
    "'; --",
    "%",
    "k" * 1000,
]


def test_the_values_of_a_dynamic_output_are_told_apart(storage: EventLogStorage) -> None:
    keys = dict(enumerate(MAPPING_KEYS))
    entries = [stored("r", "v", f"/{number}", mapping_key=keys[number], stamp=f"#{number}") for number in keys]
    storage.store_events(entries)
    assert storage.get_logs_for_run("r") == entries
    addresses = {key(mapping_key=keys[number]): StepOutputAddress(f"/{number}", "r") for number in keys}
    assert storage.get_step_output_addresses(dict.fromkeys(addresses, "v")) == addresses
    for asked, address in addresses.items():
        assert storage.get_step_output_addresses({asked: "v"}) == {asked: address}
    assert storage.get_step_output_addresses({key(mapping_key="c"): "v", key("t", mapping_key="a"): "v"}) == {}
    assert storage.get_used_addresses([f"/{number}" for number in keys]) == {f"/{number}" for number in keys}
    assert storage.get_value_stamps([f"/{number}" for number in keys]) == {f"/{each}": f"#{each}" for each in keys}


def test_each_value_of_a_dynamic_output_has_versions_of_its_own(storage: EventLogStorage) -> None:
    storage.store_events([stored("1", "v", "/a", mapping_key="a"), stored("1", "w", "/b", mapping_key="b")])
    a, b, plain = key(mapping_key="a"), key(mapping_key="b"), key()
    assert storage.get_step_output_addresses({a: "w", b: "v", plain: "v"}) == {}
    storage.store_events([stored("2", "v", "/a2", mapping_key="a"), stored("2", "v", "/plain")])
    assert storage.get_step_output_addresses({a: "v", b: "w", plain: "v"}) == {
        a: StepOutputAddress("/a2", "2"),
        b: StepOutputAddress("/b", "1"),
        plain: StepOutputAddress("/plain", "2"),
    }
    storage.delete_events("2")
    assert storage.get_step_output_addresses({a: "v", b: "w", plain: "v"}) == {
        a: StepOutputAddress("/a", "1"),
        b: StepOutputAddress("/b", "1"),
    }


def test_a_found_value_of_a_dynamic_output_is_used_for_itself_alone(storage: EventLogStorage) -> None:
    storage.store_events([stored("maker", "v", f"/{each}", mapping_key=each) for each in "abc"])
    outputs = tuple(MemoizedOutput("result", "v", f"/{each}", mapping_key=each) for each in "ab")
    user = event("user", "STEP_MEMOIZED", StepMemoizedData(outputs), "s")
    storage.store_event(user)
    assert storage.get_logs_for_run("user") == [user]
    assert storage.count_users(["/a", "/b", "/c"]) == {"/a": 2, "/b": 2, "/c": 1}
    storage.delete_events("maker")
    asked = {key(mapping_key=each): "v" for each in "abc"}
    assert storage.get_step_output_addresses(asked) == {
        key(mapping_key=each): StepOutputAddress(f"/{each}", "maker") for each in "ab"
    }


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


def memoized(run_id: str, address: str | None, step_key: str = "s") -> EventLogEntry:
    return event(run_id, "STEP_MEMOIZED", StepMemoizedData((MemoizedOutput("result", "v", address),)), step_key)


def test_an_address_is_known_while_a_kept_run_stored_or_found_it(storage: EventLogStorage) -> None:
    storage.store_events([stored("maker", "v", "/1"), stored("maker", "w", "/2", "t")])
    storage.store_events([memoized("user", "/1"), memoized("user", None)])
    assert storage.get_used_addresses(["/1", "/2", "/3"]) == {"/1", "/2"}
    storage.delete_events("maker")
    assert storage.get_used_addresses({"/1", "/2", "/3"}) == {"/1"}
    assert storage.get_step_output_addresses({key(): "v"}) == {key(): StepOutputAddress("/1", "maker")}
    assert storage.get_step_output_addresses({key("t"): "w"}) == {}
    storage.delete_events("user")
    assert storage.get_used_addresses({"/1", "/2", "/3"}) == set()
    assert storage.get_step_output_addresses({key(): "v"}) == {}


def test_a_log_goes_alone_or_with_what_is_known_from_it(storage: EventLogStorage) -> None:
    storage.store_events([stored("r", "v", "/1"), made_asset("r", ("a",))])
    foretold = storage.delete_log("r", dry_run=True)
    assert foretold == storage.delete_events("r", dry_run=True) != []
    assert len(storage.get_logs_for_run("r")) == 2
    assert storage.delete_log("r") == foretold
    assert storage.get_logs_for_run("r") == []
    assert storage.get_used_addresses({"/1"}) == {"/1"}
    assert storage.get_step_output_addresses({key(): "v"}) == {key(): StepOutputAddress("/1", "r")}
    assert storage.all_asset_keys() == [AssetKey("a")]
    assert storage.delete_events("r") == []
    assert storage.get_used_addresses({"/1"}) == set()
    assert storage.get_step_output_addresses({key(): "v"}) == {}
    assert storage.all_asset_keys() == []


def test_many_addresses_at_once(storage: EventLogStorage) -> None:
    storage.store_events([stored("r", "v", f"/{number}") for number in range(0, 2500, 2)])
    assert storage.get_used_addresses([f"/{number}" for number in range(2500)]) == {
        f"/{number}" for number in range(0, 2500, 2)
    }
    assert storage.get_used_addresses([]) == set()


def stamped(run_id: str, address: str, stamp: str | None, version: str | None = "v") -> EventLogEntry:
    return stored(run_id, version, address, stamp=stamp)


def found(run_id: str, *outputs: tuple[str | None, str | None]) -> EventLogEntry:
    memoized_outputs = (MemoizedOutput("result", "v", address, stamp=stamp) for address, stamp in outputs)
    return event(run_id, "STEP_MEMOIZED", StepMemoizedData(tuple(memoized_outputs)), "s")


def test_the_stamp_recorded_last_counts(storage: EventLogStorage) -> None:
    assert storage.get_value_stamps(["/1"]) == {}
    storage.store_events([stamped("maker", "/1", "a"), stamped("maker", "/2", "b"), stamped("maker", "/1", "c")])
    assert storage.get_value_stamps(["/1", "/2", "/3"]) == {"/1": "c", "/2": "b"}
    storage.store_events([found("user", ("/2", "d"), ("/3", "e"), (None, "f")), found("user", ("/1", None))])
    storage.store_event(stamped("maker", "/2", None))
    storage.store_event(stamped("maker", "/4", "g", version=None))
    assert storage.get_value_stamps({"/1", "/2", "/3", "/4"}) == {"/1": "c", "/2": "d", "/3": "e"}
    assert storage.get_value_stamps([]) == {}


def test_a_stamp_is_known_while_a_kept_run_used_the_value(storage: EventLogStorage) -> None:
    storage.store_events([stamped("maker", "/1", "a"), stamped("maker", "/2", "b")])
    storage.store_event(found("user", ("/1", "a"), ("/3", "c")))
    storage.delete_events("maker")
    assert storage.get_value_stamps(["/1", "/2", "/3"]) == {"/1": "a", "/3": "c"}
    storage.delete_events("user")
    assert storage.get_value_stamps(["/1", "/2", "/3"]) == {}
    storage.store_event(stamped("maker", "/1", "a"))
    storage.wipe()
    assert storage.get_value_stamps(["/1"]) == {}


def test_many_stamps_at_once(storage: EventLogStorage) -> None:
    storage.store_event(found("r", *((f"/{number}", str(number)) for number in range(0, 2500, 2))))
    assert storage.get_value_stamps([f"/{number}" for number in range(2500)]) == {
        f"/{number}": str(number) for number in range(0, 2500, 2)
    }


def test_runs_may_record_and_forget_the_same_stamps_at_once(storage: EventLogStorage) -> None:
    addresses = [f"/{number}" for number in range(200)]
    barrier = threading.Barrier(4)

    def use(worker: int) -> None:
        ordered = addresses if worker % 2 else addresses[::-1]
        barrier.wait()
        for attempt in range(5):
            storage.store_event(found(f"{worker}-{attempt}", *((address, str(worker)) for address in ordered)))
            storage.delete_events(f"{worker}-{attempt}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))
    assert storage.get_value_stamps(addresses) == {}


def made_asset(run_id: str, path: tuple[str, ...], partition: str | None = None) -> EventLogEntry:
    return event(run_id, "ASSET_MATERIALIZATION", StepMaterializationData(path, partition=partition), "s")


def test_assets_across_runs(storage: EventLogStorage) -> None:
    assert storage.all_asset_keys() == []
    assert storage.get_asset_records(AssetKey("a")) == []
    first = [made_asset("1", ("b",), "x"), made_asset("1", ("a", "z")), made_asset("1", ("b",), "y")]
    second = [made_asset("2", ("b",), "x"), made_asset("2", ('a", "z',))]
    storage.store_events(first)
    storage.store_events([logged("2", "begins"), *second])
    assert storage.all_asset_keys() == [AssetKey(("a", "z")), AssetKey('a", "z'), AssetKey("b")]
    b = AssetKey("b")
    records = storage.get_asset_records(b)
    assert [record.event_log_entry for record in records] == [second[0], first[2], first[0]]
    places = [record.storage_id for record in records]
    assert places == sorted(set(places), reverse=True)
    assert storage.get_asset_records(b, ascending=True) == records[::-1]
    assert storage.get_asset_records(b, limit=2) == records[:2]
    assert storage.get_asset_records(b, limit=0) == []
    assert storage.get_asset_records(b, before_cursor=places[0]) == records[1:]
    assert storage.get_asset_records(b, before_cursor=places[0], limit=1) == records[1:2]
    assert storage.get_asset_records(b, after_cursor=places[2], ascending=True, limit=1) == [records[1]]
    assert storage.get_asset_records(b, after_cursor=places[0]) == []
    assert storage.get_asset_records(b, partitions=["x", "nope"]) == [records[0], records[2]]
    assert storage.get_asset_records(b, partitions=[]) == []
    assert storage.get_asset_records(AssetKey("a")) == []


def test_more_partitions_than_a_query_takes(storage: EventLogStorage) -> None:
    storage.store_events([made_asset("1", ("a",), str(number)) for number in range(0, 3000, 3)])
    asked = [str(number) for number in reversed(range(70_000))]
    found = storage.get_asset_records(AssetKey("a"), asked)
    assert found == storage.get_asset_records(AssetKey("a"))
    assert len(found) == 1000
    assert storage.get_asset_records(AssetKey("a"), asked, limit=3) == found[:3]
    assert storage.get_asset_records(AssetKey("a"), asked, limit=3, ascending=True) == found[:-4:-1]


def test_assets_are_forgotten_with_their_last_event(storage: EventLogStorage) -> None:
    storage.store_events([made_asset("1", ("a",)), made_asset("1", ("b",)), made_asset("2", ("b",))])
    storage.delete_events("1")
    assert storage.all_asset_keys() == [AssetKey("b")]
    (left,) = storage.get_asset_records(AssetKey("b"))
    storage.wipe_asset(AssetKey("b"))
    storage.wipe_asset(AssetKey("never made"))
    assert storage.all_asset_keys() == []
    assert storage.get_asset_records(AssetKey("b")) == []
    assert len(storage.get_logs_for_run("2")) == 1
    storage.store_event(made_asset("3", ("b",)))
    (new,) = storage.get_asset_records(AssetKey("b"))
    assert new.storage_id > left.storage_id  # who follows the asset by cursor does not miss it


def test_what_deleting_takes_away(storage: EventLogStorage) -> None:
    storage.store_events([logged("a", "1"), logged("a", "2"), logged("b", "3")])
    foretold = storage.delete_events("a", dry_run=True)
    assert messages(storage, "a") == ["1", "2"]
    assert foretold != []
    assert {each.kind for each in foretold} == {"events"}
    assert all("a" in each.name for each in foretold)
    assert storage.delete_events("a") == foretold
    assert messages(storage, "a") == []
    assert messages(storage, "b") == ["3"]
    assert storage.delete_events("a") == storage.delete_events("nope", dry_run=True) == []


class Watcher:
    """Collects what it is told, and can be waited for."""

    def __init__(self, fail_at: str | None = None) -> None:
        self.told: list[str] = []
        self._fail_at = fail_at
        self._changed = threading.Condition()

    def __call__(self, entry: EventLogEntry) -> None:
        with self._changed:
            self.told.append(entry.user_message)
            self._changed.notify_all()
        if entry.user_message == self._fail_at:
            raise RuntimeError("the watcher's own fault")

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) >= count, timeout=30), self.told
            return list(self.told)


def test_a_watcher_is_told_of_each_entry_in_order_until_the_run_ends(storage: EventLogStorage) -> None:
    watcher, late = Watcher(), Watcher()
    storage.watch("r", None, watcher)
    storage.store_events([logged("r", "1"), logged("other", "x"), logged("r", "2")])
    assert watcher.wait_for(2) == ["1", "2"]
    storage.watch("r", storage.get_records_for_run("r")[0].storage_id, late)
    storage.store_event(logged("r", "3"))
    assert watcher.wait_for(3) == ["1", "2", "3"]
    assert late.wait_for(2) == ["2", "3"]
    storage.store_events([event("r", "PIPELINE_SUCCESS"), logged("r", "after the end")])
    assert watcher.wait_for(4) == ["1", "2", "3", "m"]
    storage.dispose()
    assert watcher.told == ["1", "2", "3", "m"]


def test_a_watcher_that_ended_its_watch_is_told_no_more(storage: EventLogStorage) -> None:
    one, other = Watcher(), Watcher()
    storage.watch("r", None, one)
    storage.watch("r", None, other)
    storage.end_watch("r", Watcher())
    storage.store_event(logged("r", "1"))
    one.wait_for(1)
    other.wait_for(1)
    storage.end_watch("r", one)
    storage.store_event(logged("r", "2"))
    assert other.wait_for(2) == ["1", "2"]
    assert one.told == ["1"]


def test_a_watcher_that_raises_is_told_of_the_next(storage: EventLogStorage, caplog: pytest.LogCaptureFixture) -> None:
    watcher = Watcher(fail_at="1")
    storage.watch("r", None, watcher)
    storage.store_events([logged("r", "1"), logged("r", "2")])
    assert watcher.wait_for(2) == ["1", "2"]
    assert "The callback that watches run r raised" in caplog.text


def test_a_watcher_that_exits_takes_nobody_along(storage: EventLogStorage) -> None:
    other = Watcher()
    storage.watch("r", None, lambda _: sys.exit())
    storage.watch("r", None, other)
    storage.store_event(logged("r", "1"))
    assert other.wait_for(1) == ["1"]
    storage.store_event(logged("r", "2"))
    assert other.wait_for(2) == ["1", "2"]


def test_a_forked_child_watches_for_itself(storage: EventLogStorage) -> None:
    of_parent = Watcher()
    storage.watch("r", None, of_parent)
    storage.store_event(logged("r", "1"))
    of_parent.wait_for(1)
    child = os.fork()
    if child == 0:
        try:
            of_child = Watcher()
            storage.watch("r", None, of_child)
            storage.store_event(logged("r", "of the child"))
            is_right = of_child.wait_for(2) == ["1", "of the child"] and of_parent.told == ["1"]
            os._exit(0 if is_right else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_what_is_watched_in_vain_is_said_once(
    storage: EventLogStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Semaphore(0)

    def fail(*_arguments: object, **_named: object) -> list[EventLogRecord]:
        asked.release()
        raise DagsterStorageError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "get_records_for_run", fail)
        storage.watch("r", None, watcher := Watcher())
        for _ in range(3):
            assert asked.acquire(timeout=30)
    storage.store_event(logged("r", "1"))
    assert watcher.wait_for(1) == ["1"]
    assert caplog.text.count("Looking for events of run r failed; trying again") == 1


def test_disposing_ends_the_thread_of_the_watchers(storage: EventLogStorage) -> None:
    storage.watch("r", None, Watcher())
    assert "event-watcher" in {thread.name for thread in threading.enumerate()}
    storage.dispose()
    assert "event-watcher" not in {thread.name for thread in threading.enumerate()}


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
    entries = [logged(hostile, hostile), stored(hostile, hostile, hostile, hostile, hostile)]
    if kind == "sqlite" and is_no_file_name(hostile):
        for refused in (
            lambda: storage.store_events(entries),
            lambda: storage.get_logs_for_run(hostile),
        ):
            with pytest.raises(DagsterInvariantViolationError, match="The run id ") as caught:
                refused()
            assert repr(hostile[:40]) in str(caught.value)
        assert storage.delete_events(hostile) == []  # so that a run of that id can be deleted where others are kept
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
        asked = ("p", StepOutputHandle(hostile, mapping_key=hostile))
        assert storage.get_step_output_addresses({asked: hostile}) == {asked: StepOutputAddress(hostile, hostile)}
        storage.delete_events(hostile)
        assert storage.get_logs_for_run(hostile) == []
        assert storage.get_step_output_addresses({asked: hostile}) == {}
    assert messages(storage, "bystander") == ["here"]


RUN_IDS = st.text(max_size=6).filter(lambda text: text != "")


@given(st.lists(st.tuples(RUN_IDS, st.text(max_size=6)), max_size=10))
@settings(max_examples=25)
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


def test_who_has_lost_a_run_stores_nothing_more_of_it(storage: EventLogStorage) -> None:
    first, second, third = (Claim("r", "somebody", number) for number in (1, 2, 3))
    storage.store_claimed_events(first, [logged("r", "1")])
    storage.store_claimed_events(second, [logged("r", "2")])
    for _ in range(2):
        with pytest.raises(DagsterRunConflict, match="Run r was taken over by another process"):
            storage.store_claimed_events(first, [logged("r", "lost"), made_asset("r", ("a",))])
    storage.store_claimed_events(second, [logged("r", "3")])
    storage.fence(third)
    storage.fence(first)
    with pytest.raises(DagsterRunConflict):
        storage.store_claimed_events(second, [logged("r", "lost")])
    storage.store_events([logged("r", "from outside")])
    storage.store_claimed_events(third, [logged("r", "4")])
    storage.store_claimed_events(Claim("other", "somebody", 1), [logged("other", "1")])
    assert messages(storage, "r") == ["1", "2", "3", "from outside", "4"]
    assert messages(storage, "other") == ["1"]
    assert storage.all_asset_keys() == []
    storage.delete_events("r")
    storage.store_claimed_events(first, [logged("r", "anew")])
    assert messages(storage, "r") == ["anew"]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_fence_holds_for_other_processes(make: Make, kind: str, tmp_path: Path) -> None:
    one = make(kind, tmp_path)
    one.fence(Claim("r", "b", 2))
    one.dispose()
    other = one if kind == "postgres" else make(kind, tmp_path)
    with pytest.raises(DagsterRunConflict):
        other.store_claimed_events(Claim("r", "a", 1), [logged("r", "lost")])
    assert messages(other, "r") == []
