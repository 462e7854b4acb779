"""What every run storage does, by the contract in `core.storage.runs.base`."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import (
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterRunAlreadyExists,
    DagsterRunNotFoundError,
)
from core.events import DagsterEvent, DagsterEventType
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    GrpcServerRepositoryLocationOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.serdes import SerializableErrorInfo, to_json
from core.storage.postgres import PostgresRunStorage
from core.storage.runs import InMemoryRunStorage, RunStorage, SqliteRunStorage, SqlRunStorage
from core.storage.runs.schema import runs

Make = Callable[[str, Path], RunStorage]
KINDS = ["in_memory", "sqlite", "postgres"]
CODE = LoadableTargetOrigin(python_file="x.py", attribute="repo")
LOCATION = ManagedGrpcPythonEnvRepositoryLocationOrigin(CODE, "here")
ORIGIN = ExternalPipelineOrigin(ExternalRepositoryOrigin(LOCATION, "prices"), "flights")
SUCCESS, FAILURE, STARTED = PipelineRunStatus.SUCCESS, PipelineRunStatus.FAILURE, PipelineRunStatus.STARTED


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a storage of a kind; all are closed with the test."""
    made: list[RunStorage] = []

    def make(kind: str, path: Path) -> RunStorage:
        if kind == "in_memory":
            made.append(InMemoryRunStorage())
        elif kind == "sqlite":
            made.append(SqliteRunStorage.from_local(str(path)))
        else:
            made.append(PostgresRunStorage(request.getfixturevalue("new_postgres_url")()))
        return made[-1]

    yield make
    for storage in made:
        storage.dispose()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> RunStorage:
    return make(request.param, tmp_path)


def add(storage: RunStorage, *run_ids: str, **fields: object) -> None:
    for run_id in run_ids:
        storage.add_run(PipelineRun("p", run_id, **fields))  # type: ignore[arg-type]


def ids(runs: list[PipelineRun]) -> list[str]:
    return [run.run_id for run in runs]


def test_a_run_comes_back_whole(storage: RunStorage) -> None:
    run = PipelineRun(
        "flights",
        "r1",
        {"solids": {"a": {"config": [1, 2.5, None, True, "é\0🦆"]}}},
        "prod",
        ["*plot"],
        frozenset({"a", "b"}),
        ["a"],
        STARTED,
        {"team": "data", "é": "🦆"},
        "root",
        "parent",
        "snap",
        "plan",
        ORIGIN,
    )
    assert storage.add_run(run) == run
    assert storage.get_run_by_id("r1") == run
    assert storage.get_runs() == [run]
    assert storage.has_run("r1")


def test_later_changes_of_what_was_given_or_got_do_not_reach_the_record(storage: RunStorage) -> None:
    config, tags = {"solids": {"a": [1]}}, {"a": "b"}
    storage.add_run(PipelineRun("p", "r", config, tags=tags))
    config["solids"]["a"].append(2)
    tags["a"] = "changed"
    for found in (storage.get_run_by_id("r"), *storage.get_runs()):
        assert found is not None
        assert (found.run_config, found.tags) == ({"solids": {"a": [1]}}, {"a": "b"})
        found.run_config["solids"]["a"].append(3)
        found.tags["c"] = "d"


def test_what_is_not_there(storage: RunStorage) -> None:
    assert storage.get_run_by_id("nope") is None
    assert not storage.has_run("nope")
    assert storage.get_runs() == []
    assert storage.get_runs_count() == 0
    assert storage.get_run_tags() == []
    assert storage.get_daemon_heartbeats() == {}
    storage.delete_run("nope")
    storage.handle_run_event("nope", DagsterEvent("PIPELINE_START", "p"))
    storage.wipe()


def test_a_run_id_is_taken_once_and_the_first_run_stays(storage: RunStorage) -> None:
    add(storage, "r1", tags={"a": "1"})
    with pytest.raises(DagsterRunAlreadyExists, match="'r1' exists already"):
        storage.add_run(PipelineRun("other", "r1", tags={"b": "2"}))
    found = storage.get_run_by_id("r1")
    assert found is not None
    assert (found.pipeline_name, found.tags) == ("p", {"a": "1"})
    assert storage.get_runs_count() == 1


def test_the_newest_first_with_cursor_and_limit(storage: RunStorage) -> None:
    add(storage, "b", "a", "d", "c")
    assert ids(storage.get_runs()) == ["c", "d", "a", "b"]
    assert ids(storage.get_runs(limit=2)) == ["c", "d"]
    assert ids(storage.get_runs(limit=0)) == []
    assert ids(storage.get_runs(cursor="d")) == ["a", "b"]
    assert ids(storage.get_runs(cursor="d", limit=1)) == ["a"]
    assert ids(storage.get_runs(cursor="b")) == []
    assert ids(storage.get_runs(cursor="unknown")) == []
    assert ids(storage.get_runs(PipelineRunsFilter(run_ids=("b", "c")), cursor="d")) == ["b"]


def test_a_negative_limit_is_refused(storage: RunStorage) -> None:
    add(storage, "a", "b")
    for filters in (None, PipelineRunsFilter(run_ids=("a",)), PipelineRunsFilter(statuses=(SUCCESS, FAILURE))):
        with pytest.raises(DagsterInvariantViolationError, match="limit is -1; give 0 or more, or None for all"):
            storage.get_runs(filters, limit=-1)


def test_filters(storage: RunStorage) -> None:
    storage.add_run(PipelineRun("p", "1", tags={"a": "x", "b": "y"}, mode="prod", root_run_id="1"))
    storage.add_run(PipelineRun("p", "2", tags={"a": "x"}, status=SUCCESS, root_run_id="1", parent_run_id="1"))
    storage.add_run(PipelineRun("q", "3", tags={"a": "z"}, status=FAILURE))
    expected: list[tuple[PipelineRunsFilter, list[str]]] = [
        (PipelineRunsFilter(), ["3", "2", "1"]),
        (PipelineRunsFilter(run_ids=("1", "3", "9")), ["3", "1"]),
        (PipelineRunsFilter(run_ids=()), []),
        (PipelineRunsFilter(pipeline_name="p"), ["2", "1"]),
        (PipelineRunsFilter(pipeline_name="%"), []),
        (PipelineRunsFilter(statuses=(SUCCESS, FAILURE)), ["3", "2"]),
        (PipelineRunsFilter(statuses=()), []),
        (PipelineRunsFilter(tags={"a": "x"}), ["2", "1"]),
        (PipelineRunsFilter(tags={"a": "x", "b": "y"}), ["1"]),
        (PipelineRunsFilter(tags={"b": "x"}), []),
        (PipelineRunsFilter(tags={}), ["3", "2", "1"]),
        (PipelineRunsFilter(mode="prod"), ["1"]),
        (PipelineRunsFilter(pipeline_name="p", statuses=(SUCCESS,), tags={"a": "x"}), ["2"]),
        (PipelineRunsFilter(run_ids=("1", "2"), tags={"a": "x"}, mode="prod"), ["1"]),
        (PipelineRunsFilter(run_ids=("1", "1", "3")), ["3", "1"]),
        (PipelineRunsFilter(root_run_id="1"), ["2", "1"]),
        (PipelineRunsFilter(parent_run_id="1"), ["2"]),
        (PipelineRunsFilter(root_run_id="2"), []),
        (PipelineRunsFilter(run_id_prefix="2"), ["2"]),
        (PipelineRunsFilter(run_id_prefix=""), ["3", "2", "1"]),
        (PipelineRunsFilter(run_id_prefix="_"), []),
    ]
    for filters, found in expected:
        assert ids(storage.get_runs(filters)) == found, filters
        assert storage.get_runs_count(filters) == len(found), filters
        assert ids(storage.get_runs(filters, limit=1)) == found[:1], filters
        for place, run_id in enumerate(found):
            assert ids(storage.get_runs(filters, cursor=run_id, limit=2)) == found[place + 1 : place + 3], filters


def test_filters_by_time(storage: RunStorage) -> None:
    add(storage, "1", "2", "3")
    third, second, first = storage.get_run_records()
    storage.handle_run_event("1", DagsterEvent("PIPELINE_START", "p"))
    updated = storage.get_run_records()[-1].update_timestamp
    assert updated > third.create_timestamp
    expected: list[tuple[PipelineRunsFilter, list[str]]] = [
        (PipelineRunsFilter(created_after=first.create_timestamp), ["3", "2"]),
        (PipelineRunsFilter(created_before=third.create_timestamp), ["2", "1"]),
        (PipelineRunsFilter(created_after=first.create_timestamp, created_before=third.create_timestamp), ["2"]),
        (PipelineRunsFilter(updated_after=third.update_timestamp), ["1"]),
        (PipelineRunsFilter(updated_before=updated), ["3", "2"]),
        (PipelineRunsFilter(updated_before=second.update_timestamp), []),
        (PipelineRunsFilter(created_after=first.create_timestamp.astimezone(timezone(timedelta(hours=9)))), ["3", "2"]),
    ]
    for filters, found in expected:
        assert ids(storage.get_runs(filters)) == found, filters
        assert storage.get_runs_count(filters) == len(found), filters


def test_a_time_without_timezone_is_refused() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="updated_after has no timezone"):
        PipelineRunsFilter(updated_after=datetime(2026, 1, 1))


@given(
    st.lists(st.sampled_from([SUCCESS, FAILURE, STARTED]), max_size=12),
    st.sets(st.sampled_from([SUCCESS, FAILURE, STARTED]), min_size=1),
    st.integers(0, 4),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_some_statuses_come_to_all_of_them(
    storage: RunStorage, statuses: list[PipelineRunStatus], wanted: set[PipelineRunStatus], limit: int
) -> None:
    storage.wipe()
    for number, status in enumerate(statuses):
        add(storage, str(number), status=status)
    filters = PipelineRunsFilter(statuses=tuple(wanted))
    whole = [str(number) for number, status in enumerate(statuses) if status in wanted][::-1]
    assert ids(storage.get_runs(filters)) == whole
    assert ids(storage.get_runs(filters, limit=limit)) == whole[:limit]
    found: list[str] = []
    while page := ids(storage.get_runs(filters, cursor=found[-1] if found else None, limit=limit + 1)):
        found += page
    assert found == whole


def test_many_runs_at_once(storage: RunStorage) -> None:
    wanted = [str(number) for number in range(1200)]
    add(storage, *wanted, tags={"t": "v"})
    found = storage.get_runs(PipelineRunsFilter(run_ids=tuple(wanted)))
    assert ids(found) == wanted[::-1]
    assert all(run.tags == {"t": "v"} for run in found)


@pytest.mark.parametrize(
    ("event_type", "status"),
    [
        (DagsterEventType.PIPELINE_ENQUEUED, PipelineRunStatus.QUEUED),
        (DagsterEventType.PIPELINE_STARTING, PipelineRunStatus.STARTING),
        (DagsterEventType.PIPELINE_START, STARTED),
        (DagsterEventType.PIPELINE_SUCCESS, SUCCESS),
        (DagsterEventType.PIPELINE_FAILURE, FAILURE),
        (DagsterEventType.PIPELINE_CANCELING, PipelineRunStatus.CANCELING),
        (DagsterEventType.PIPELINE_CANCELED, PipelineRunStatus.CANCELED),
        (DagsterEventType.PIPELINE_DEQUEUED, PipelineRunStatus.NOT_STARTED),
        (DagsterEventType.STEP_FAILURE, PipelineRunStatus.NOT_STARTED),
        (DagsterEventType.ENGINE_EVENT, PipelineRunStatus.NOT_STARTED),
    ],
)
def test_events_set_the_status(event_type: DagsterEventType, status: PipelineRunStatus, storage: RunStorage) -> None:
    add(storage, "r", "other", tags={"a": "b"})
    storage.handle_run_event("r", DagsterEvent(event_type.value, "p"))
    run, other = storage.get_run_by_id("r"), storage.get_run_by_id("other")
    assert run is not None
    assert other is not None
    assert (run.status, run.tags) == (status, {"a": "b"})
    assert other.status is PipelineRunStatus.NOT_STARTED
    assert ids(storage.get_runs(PipelineRunsFilter(statuses=(status,)))) == (
        ["r"] if run.status is not other.status else ["other", "r"]
    )


def test_a_run_that_has_ended_does_not_come_to_life_again(storage: RunStorage) -> None:
    add(storage, "r")
    for event_type, status in (
        ("PIPELINE_START", STARTED),
        ("PIPELINE_FAILURE", FAILURE),
        ("PIPELINE_CANCELING", FAILURE),
        ("PIPELINE_START", FAILURE),
        ("PIPELINE_CANCELED", FAILURE),
        ("PIPELINE_SUCCESS", FAILURE),
    ):
        storage.handle_run_event("r", DagsterEvent(event_type, "p"))
        run = storage.get_run_by_id("r")
        assert run is not None
        assert run.status is status


def test_a_status_is_changed_where_it_is_one_of_those_expected(storage: RunStorage) -> None:
    add(storage, "r", "other", status=PipelineRunStatus.QUEUED)
    expected = {PipelineRunStatus.QUEUED, PipelineRunStatus.NOT_STARTED}
    assert not storage.change_status("r", {SUCCESS}, STARTED)
    assert not storage.change_status("r", set(), STARTED)
    assert not storage.change_status("unknown", expected, STARTED)
    assert [run.status for run in storage.get_runs()] == [PipelineRunStatus.QUEUED] * 2
    assert storage.change_status("r", expected, STARTED)
    assert not storage.change_status("r", expected, STARTED)
    assert {run.run_id: run.status for run in storage.get_runs()} == {"r": STARTED, "other": PipelineRunStatus.QUEUED}
    assert not storage.has_run("unknown")


def test_of_many_who_change_a_status_at_once_one_does(storage: RunStorage) -> None:
    barrier = threading.Barrier(6)
    run_ids = [str(number) for number in range(5)]
    add(storage, *run_ids)

    def work(_worker: int) -> list[str]:
        barrier.wait()
        expected = {PipelineRunStatus.NOT_STARTED}
        return [run_id for run_id in run_ids if storage.change_status(run_id, expected, STARTED)]

    with ThreadPoolExecutor(6) as pool:
        changed = [run_id for mine in pool.map(work, range(6)) for run_id in mine]
    assert sorted(changed) == run_ids


def test_what_is_no_text_is_refused_by_name(storage: RunStorage) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="The tag 'a' of a run must be text; it is None"):
        PipelineRun("p", tags={"a": None})  # type: ignore[dict-item]
    with pytest.raises(DagsterInvariantViolationError, match="The pipeline_name of a run must be text; it is 3"):
        PipelineRun(3)  # type: ignore[arg-type]
    add(storage, "r")
    with pytest.raises(DagsterInvariantViolationError, match="The tag 'a' of a run must be text; it is None"):
        storage.add_run_tags("r", {"a": None})  # type: ignore[dict-item]
    run = storage.get_run_by_id("r")
    assert run is not None
    assert run.tags == {}


def test_records_have_times_and_growing_ids(storage: RunStorage) -> None:
    before = datetime.now(UTC)
    add(storage, "1", "2")
    storage.handle_run_event("1", DagsterEvent("PIPELINE_START", "p"))
    after = datetime.now(UTC)
    second, first = storage.get_run_records()
    assert first.storage_id < second.storage_id
    assert before <= first.create_timestamp <= second.create_timestamp <= after
    assert second.update_timestamp == second.create_timestamp
    assert first.create_timestamp <= first.update_timestamp <= after
    assert first.update_timestamp.utcoffset() is not None


def test_tags_are_added_and_replaced(storage: RunStorage) -> None:
    add(storage, "1", tags={"a": "1", "b": "2"})
    add(storage, "2", tags={"a": "1"})
    storage.add_run_tags("1", {"b": "3", "c": "4"})
    storage.add_run_tags("1", {})
    run = storage.get_run_by_id("1")
    assert run is not None
    assert run.tags == {"a": "1", "b": "3", "c": "4"}
    assert storage.get_run_tags() == [("a", {"1"}), ("b", {"3"}), ("c", {"4"})]
    assert ids(storage.get_runs(PipelineRunsFilter(tags={"b": "2"}))) == []
    with pytest.raises(DagsterRunNotFoundError, match="'nope'") as caught:
        storage.add_run_tags("nope", {"a": "1"})
    assert caught.value.invalid_run_id == "nope"


def test_delete_and_wipe(storage: RunStorage) -> None:
    add(storage, "1", "2", "3", tags={"a": "1"})
    storage.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR"))
    storage.delete_run("2")
    assert ids(storage.get_runs()) == ["3", "1"]
    add(storage, "2")
    assert ids(storage.get_runs()) == ["2", "3", "1"]
    again = storage.get_run_by_id("2")
    assert again is not None
    assert again.tags == {}
    storage.wipe()
    assert storage.get_runs() == []
    assert storage.get_run_tags() == []
    assert list(storage.get_daemon_heartbeats()) == ["SENSOR"]


def test_the_latest_heartbeat_of_each_type(storage: RunStorage) -> None:
    beats = [
        DaemonHeartbeat(1.0, "SCHEDULER", "d1"),
        DaemonHeartbeat(2.0, "SENSOR", None, (SerializableErrorInfo("E: x", ("frame",), "E"),)),
        DaemonHeartbeat(3.0, "SCHEDULER", "d2"),
    ]
    for beat in beats:
        storage.add_daemon_heartbeat(beat)
    assert storage.get_daemon_heartbeats() == {"SENSOR": beats[1], "SCHEDULER": beats[2]}
    storage.wipe_daemon_heartbeats()
    assert storage.get_daemon_heartbeats() == {}


def test_usable_again_after_dispose(storage: RunStorage) -> None:
    add(storage, "1")
    storage.dispose()
    add(storage, "2")
    assert ids(storage.get_runs()) == ["2", "1"]


def test_many_threads(storage: RunStorage) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> None:
        barrier.wait()
        for number in range(15):
            run_id = f"{worker}-{number}"
            add(storage, run_id, tags={"worker": str(worker)})
            storage.handle_run_event(run_id, DagsterEvent("PIPELINE_SUCCESS", "p"))
            storage.add_run_tags("shared", {run_id: "1"})

    add(storage, "shared")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert storage.get_runs_count(PipelineRunsFilter(statuses=(SUCCESS,))) == 90
    assert storage.get_runs_count(PipelineRunsFilter(tags={"worker": "3"})) == 15
    shared = storage.get_run_by_id("shared")
    assert shared is not None
    assert len(shared.tags) == 90


def test_of_many_threads_adding_one_run_one_does(storage: RunStorage) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> bool:
        barrier.wait()
        try:
            storage.add_run(PipelineRun(f"p{worker}", "same"))
        except DagsterRunAlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(work, range(6)))
    assert sum(added) == 1
    run = storage.get_run_by_id("same")
    assert run is not None
    assert run.pipeline_name == f"p{added.index(True)}"


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_come_back_or_are_refused(kind: str, hostile: str, fenced: Path, make: Make) -> None:
    storage = make(kind, fenced)
    run = PipelineRun(hostile, hostile, {hostile: hostile}, hostile, tags={hostile: hostile}, root_run_id=hostile)
    add(storage, "bystander")
    if hostile == "\udce9":
        with pytest.raises(DagsterInvalidConfigError, match=r"the key '\\udce9' is not recorded as it is"):
            storage.add_run(run)
        run = msgspec.structs.replace(run, run_config={})
    if hostile == "\udce9" and kind != "in_memory":
        with pytest.raises(DagsterInvariantViolationError, match="Cannot be stored as JSON"):
            storage.add_run(run)
        with pytest.raises(DagsterInvariantViolationError, match="is not valid Unicode text"):
            storage.get_run_by_id(hostile)
    elif "\0" in hostile and kind == "postgres":
        for refused in (lambda: storage.add_run(run), lambda: storage.get_run_by_id(hostile)):
            with pytest.raises(DagsterInvariantViolationError, match=r"'a\\x00b' holds a NUL character") as caught:
                refused()
            assert "PostgreSQL cannot store" in str(caught.value)
    else:
        storage.add_run(run)
        assert storage.get_run_by_id(hostile) == run
        for filters in (
            PipelineRunsFilter(run_ids=(hostile,)),
            PipelineRunsFilter(pipeline_name=hostile),
            PipelineRunsFilter(mode=hostile),
            PipelineRunsFilter(tags={hostile: hostile}),
        ):
            assert storage.get_runs(filters) == [run]
        storage.handle_run_event(hostile, DagsterEvent("PIPELINE_START", hostile))
        storage.add_run_tags(hostile, {hostile: "new"})
        assert storage.get_run_by_id(hostile) == run.with_status(STARTED).with_tags({hostile: "new"})
        storage.add_daemon_heartbeat(DaemonHeartbeat(1.0, hostile, hostile))
        assert list(storage.get_daemon_heartbeats()) == [hostile]
        storage.delete_run(hostile)
    assert ids(storage.get_runs()) == ["bystander"]
    storage.dispose()


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@given(st.lists(st.tuples(st.sampled_from("abc"), WORDS, WORDS), max_size=12))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tags_behave_as_a_dict(storage: RunStorage, given_tags: list[tuple[str, str, str]]) -> None:
    storage.wipe()
    expected: dict[str, dict[str, str]] = {"a": {}, "b": {}, "c": {}}
    add(storage, *expected)
    for run_id, key, value in given_tags:
        storage.add_run_tags(run_id, {key: value})
        expected[run_id][key] = value
    assert {run.run_id: run.tags for run in storage.get_runs()} == expected


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
LOCATIONS = [
    InProcessRepositoryLocationOrigin(LoadableTargetOrigin("/usr/bin/python", module_name="é🦆", attribute="")),
    ManagedGrpcPythonEnvRepositoryLocationOrigin(LoadableTargetOrigin(package_name="p", working_directory="/")),
    LOCATION,
    GrpcServerRepositoryLocationOrigin("db-1", 4266, location_name="'; drop table runs; --"),
    GrpcServerRepositoryLocationOrigin("db-1", socket="/run/code.sock", use_ssl=False),
]  # tests/core/records/test_origin.py has any
REPOSITORIES = st.builds(ExternalRepositoryOrigin, st.sampled_from(LOCATIONS), WORDS)
NAMES = st.none() | st.lists(WORDS, max_size=3)
RUNS = st.builds(
    PipelineRun,
    pipeline_name=WORDS,
    run_config=st.dictionaries(WORDS, JSON, max_size=3),
    mode=WORDS,
    solid_selection=NAMES,
    solids_to_execute=st.none() | st.frozensets(WORDS, max_size=3),
    step_keys_to_execute=NAMES,
    status=st.sampled_from(PipelineRunStatus),
    tags=st.dictionaries(WORDS, WORDS, max_size=3),
    root_run_id=st.none() | WORDS,
    parent_run_id=st.none() | WORDS,
    external_pipeline_origin=st.none() | st.builds(ExternalPipelineOrigin, REPOSITORIES, WORDS),
)


@given(RUNS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_run_comes_back_equal_and_of_the_same_types(storage: RunStorage, run: PipelineRun) -> None:
    storage.add_run(run)
    found = storage.get_run_by_id(run.run_id)
    assert found == run
    assert _types_in(found) == _types_in(run)


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**320), 10**320)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]))
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.decimals()
    | st.sampled_from([Path("a"), PipelineRunStatus.FAILURE, numpy.float64(1.5), numpy.str_("a"), object()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.none() | st.booleans() | st.dates(), inner, max_size=3)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=4,
)


@given(st.dictionaries(WORDS, ODD, max_size=2))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_config_that_is_accepted_comes_back_equal_and_of_the_same_types(
    storage: RunStorage, run_config: dict[str, Any]
) -> None:
    run = PipelineRun("p", run_config=run_config)
    try:
        storage.add_run(run)
    except DagsterInvalidConfigError:
        assert storage.get_run_by_id(run.run_id) is None
    else:
        found = storage.get_run_by_id(run.run_id)
        assert found is not None
        assert found.run_config == run_config
        assert _types_in(found.run_config) == _types_in(run_config)


def _types_in(value: Any) -> Any:
    """The types of a value and of all that is in it: 1 and True and 1.0 are equal, and so may two records be."""
    if isinstance(value, dict):
        return {key: _types_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [type(value), *map(_types_in, value)]
    fields = getattr(value, "__struct_fields__", ())
    return type(value), {name: _types_in(getattr(value, name)) for name in fields}


@pytest.mark.parametrize("origin", [{"file": "x.py"}, {}, "x.py", [1], {"pipeline_name": "p"}, None])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_run_that_an_older_release_stored_loads_without_the_origin_it_had(
    kind: str, origin: Any, make: Make, tmp_path: Path
) -> None:
    storage = make(kind, tmp_path)
    assert isinstance(storage, SqlRunStorage)
    storage.add_run(run := PipelineRun("p", "r", {"a": [1]}, tags={"a": "b"}))
    body = to_json(
        {"pipeline_name": "p", "run_id": "r", "run_config": {"a": [1]}, "tags": {}, "external_pipeline_origin": origin}
    )
    with storage.write() as connection:
        connection.execute(sa.update(runs).values(body=body))
    assert storage.get_runs() == [run]


@pytest.mark.parametrize("origin", [{"file": "x.py"}, "x.py", LOCATION])
def test_a_run_takes_no_origin_of_another_kind(origin: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="must be an ExternalPipelineOrigin or None; it is of"):
        PipelineRun("p", external_pipeline_origin=origin)
