"""What every schedule storage does, by the contract in `core.storage.schedules.base`."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvariantViolationError, DagsterStorageError
from core.records.backfill import BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.job import (
    JobState,
    JobStatus,
    JobTick,
    JobTickData,
    JobTickStatsSnapshot,
    JobTickStatus,
    JobType,
    ScheduleJobData,
    SensorJobData,
)
from core.records.job_move import JobMove
from core.records.origin import (
    ExternalPartitionSetOrigin,
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    JobOrigin,
    LoadableTargetOrigin,
)
from core.records.reserved_run import ReservedRun
from core.serdes import ConfigurableClassData, SerializableErrorInfo
from core.storage.postgres import PostgresScheduleStorage
from core.storage.schedules import InMemoryScheduleStorage, ScheduleStorage, SqliteScheduleStorage

Make = Callable[[str, Path], ScheduleStorage]
PERSISTENT = ["sqlite", "postgres"]
KINDS = ["in_memory", *PERSISTENT]
SCHEDULE, SENSOR = JobType.SCHEDULE, JobType.SENSOR
RUNNING, STOPPED = JobStatus.RUNNING, JobStatus.STOPPED
STARTED, SKIPPED = JobTickStatus.STARTED, JobTickStatus.SKIPPED
SUCCESS, FAILURE = JobTickStatus.SUCCESS, JobTickStatus.FAILURE
ERROR = SerializableErrorInfo("E: no", ("frame",), "E", SerializableErrorInfo("Cause: é\0🦆", ()))
NO_TIMES: list[Any] = [
    float("nan"),
    float("inf"),
    -float("inf"),
    1.7e12,  # milliseconds
    10**400,
    datetime(2021, 1, 1, tzinfo=UTC),
    "1",
]


SHOP = ExternalRepositoryOrigin(InProcessRepositoryLocationOrigin(LoadableTargetOrigin(module_name="shop")), "shop")
REQUESTED, SUBMITTED = BackfillPartitionStatus.REQUESTED, BackfillPartitionStatus.SUBMITTED


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a storage of a kind, the same one for the same path; all are closed with the test."""
    made: list[ScheduleStorage] = []
    urls: dict[Path, str] = {}

    def make(kind: str, path: Path) -> ScheduleStorage:
        if kind == "in_memory":
            made.append(InMemoryScheduleStorage())
        elif kind == "sqlite":
            made.append(SqliteScheduleStorage.from_local(str(path)))
        else:
            if path not in urls:
                urls[path] = request.getfixturevalue("new_postgres_url")()
            made.append(PostgresScheduleStorage(urls[path]))
        return made[-1]

    yield make
    for storage in made:
        storage.dispose()


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> ScheduleStorage:
    return make(request.param, tmp_path)


def schedule(name: str, repository: str = "repo", status: JobStatus = RUNNING) -> JobState:
    return JobState(JobOrigin(repository, name), SCHEDULE, status, ScheduleJobData("* * * * *"))


def sensor(name: str, repository: str = "repo", status: JobStatus = RUNNING) -> JobState:
    return JobState(JobOrigin(repository, name), SENSOR, status)


def data(timestamp: float, status: JobTickStatus = STARTED, job: str = "job") -> JobTickData:
    return JobTickData(job, "name", SENSOR, status, timestamp, error=ERROR if status is FAILURE else None)


def stats(started: int = 0, succeeded: int = 0, skipped: int = 0, failed: int = 0) -> JobTickStatsSnapshot:
    return JobTickStatsSnapshot(started, succeeded, skipped, failed)


def times(ticks: list[JobTick]) -> list[float]:
    return [tick.timestamp for tick in ticks]


def in_pages(storage: ScheduleStorage, job: str, size: int) -> list[JobTick]:
    page = found = storage.get_job_ticks(job, limit=size)
    while page:
        page = storage.get_job_ticks(job, limit=size, cursor=page[-1].cursor)
        found = found + page
    return found


def test_states_come_back_whole(storage: ScheduleStorage) -> None:
    states = [
        JobState(JobOrigin("repo", "é🦆"), SCHEDULE, RUNNING, ScheduleJobData("0 3 * * 1-5", 1.5e9 + 0.1, "Cron")),
        JobState(JobOrigin("repo", "s"), SENSOR, STOPPED, SensorJobData(1.5e9 + 0.2, "key", "curs\0or")),
        JobState(JobOrigin("repo", "bare"), SENSOR, STOPPED),
    ]
    for state in states:
        assert storage.add_job_state(state) == state
        assert storage.get_job_state(state.job_origin_id) == state
    assert storage.all_stored_job_state() == states


def test_a_tick_comes_back_whole(storage: ScheduleStorage) -> None:
    datas = [
        JobTickData("id", "é🦆", SCHEDULE, SUCCESS, 1.6e9 + 0.123456, ["r1", "r2"], ["k\0"]),
        JobTickData("id", "n", SENSOR, FAILURE, 1.6e9, error=ERROR),
        JobTickData("id", "n", SENSOR, SKIPPED, -1, skip_reason="nothing new"),
    ]
    created = [storage.create_job_tick(each) for each in datas]
    assert [tick.job_tick_data for tick in created] == datas
    assert storage.get_job_ticks("id") == created
    assert storage.get_latest_job_tick("id") == created[0]


def test_what_is_not_there(storage: ScheduleStorage) -> None:
    assert storage.all_stored_job_state() == []
    assert storage.get_job_state("nope") is None
    assert storage.get_job_ticks("nope") == []
    assert storage.get_latest_job_tick("nope") is None
    assert storage.get_job_tick_stats("nope") == stats()
    storage.purge_job_ticks("nope", SKIPPED, 1.0)
    storage.wipe()


def test_states_by_repository_and_type_in_the_order_they_were_added(storage: ScheduleStorage) -> None:
    b, a, c, d = schedule("b", "r2"), sensor("a", "r1"), schedule("c", "r1"), sensor("d", "")
    for state in (b, a, c, d):
        storage.add_job_state(state)
    assert storage.all_stored_job_state() == [b, a, c, d]
    assert storage.all_stored_job_state("r1") == [a, c]
    assert storage.all_stored_job_state("") == [d]
    assert storage.all_stored_job_state("%") == []
    assert storage.all_stored_job_state(job_type=SCHEDULE) == [b, c]
    assert storage.all_stored_job_state("r1", SENSOR) == [a]
    stopped = storage.update_job_state(b.with_status(STOPPED))
    assert storage.all_stored_job_state() == [stopped, a, c, d]
    storage.delete_job_state(a.job_origin_id)
    storage.add_job_state(a)
    assert storage.all_stored_job_state() == [stopped, c, d, a]


def test_a_job_has_one_state_and_the_first_stays(storage: ScheduleStorage) -> None:
    first = storage.add_job_state(schedule("daily"))
    message = rf"schedule 'daily' \(job origin id {first.job_origin_id}\) has a state already; .* update_job_state"
    with pytest.raises(DagsterInvariantViolationError, match=message):
        storage.add_job_state(first.with_status(STOPPED))
    assert storage.all_stored_job_state() == [first]


def test_states_are_replaced(storage: ScheduleStorage) -> None:
    one, other = storage.add_job_state(sensor("one")), storage.add_job_state(sensor("other"))
    new = one.with_status(STOPPED).with_data(SensorJobData(cursor="7"))
    assert storage.update_job_state(new) == new
    assert storage.all_stored_job_state() == [new, other]
    now_a_schedule = schedule("one")
    storage.update_job_state(now_a_schedule)
    assert storage.all_stored_job_state(job_type=SCHEDULE) == [now_a_schedule]


def test_only_what_is_there_is_updated_or_deleted(storage: ScheduleStorage) -> None:
    state = storage.add_job_state(sensor("here"))
    gone = sensor("gone")
    with pytest.raises(DagsterInvariantViolationError, match=f"'{gone.job_origin_id}' to update; add its state with"):
        storage.update_job_state(gone)
    with pytest.raises(DagsterInvariantViolationError, match=r"'gone' to delete; add its state with"):
        storage.delete_job_state("gone")
    assert storage.all_stored_job_state() == [state]
    storage.delete_job_state(state.job_origin_id)
    assert storage.get_job_state(state.job_origin_id) is None
    with pytest.raises(DagsterInvariantViolationError, match=state.job_origin_id):
        storage.delete_job_state(state.job_origin_id)


def test_ticks_outlive_the_state_of_their_job(storage: ScheduleStorage) -> None:
    state = storage.add_job_state(sensor("s"))
    tick = storage.create_job_tick(data(1.0, job=state.job_origin_id))
    storage.delete_job_state(state.job_origin_id)
    assert storage.get_job_ticks(state.job_origin_id) == [tick]


def test_ticks_the_newest_first(storage: ScheduleStorage) -> None:
    created = [storage.create_job_tick(data(timestamp)) for timestamp in (2.0, 1.0, 3.0, 2.0)]
    storage.create_job_tick(data(9.0, job="another"))
    assert [tick.tick_id for tick in created] == sorted({tick.tick_id for tick in created})
    assert storage.get_job_ticks("job") == [created[2], created[3], created[0], created[1]]
    assert storage.get_latest_job_tick("job") == created[2]
    assert storage.get_job_ticks("job", limit=2) == [created[2], created[3]]
    assert storage.get_job_ticks("job", limit=0) == []
    assert times(storage.get_job_ticks("job", before=3.0)) == [2.0, 2.0, 1.0]
    assert times(storage.get_job_ticks("job", after=1.0)) == [3.0, 2.0, 2.0]
    assert times(storage.get_job_ticks("job", before=3.0, after=1.0, limit=1)) == [2.0]
    assert times(storage.get_job_ticks("job", before=0)) == []
    assert times(storage.get_job_ticks("job", after=0)) == [3.0, 2.0, 2.0, 1.0]


def test_pages_follow_each_other_while_ticks_come_and_go(storage: ScheduleStorage) -> None:
    created = [storage.create_job_tick(data(float(number // 3), SKIPPED)) for number in range(9)]
    first = storage.get_job_ticks("job", limit=4)
    assert first == created[:4:-1]
    storage.create_job_tick(data(9.0))
    storage.update_job_tick(first[-1].with_status(SUCCESS))
    storage.update_job_tick(created[0].with_status(SUCCESS))
    storage.purge_job_ticks("job", SKIPPED, 2.0)  # 1 to 4, which are yet to come; the cursor's own stays
    assert times(storage.get_job_ticks("job", cursor=first[-1].cursor)) == [0.0]
    storage.purge_job_ticks("job", SUCCESS, 3.0)
    assert storage.get_job_ticks("job", cursor=first[-1].cursor) == []
    last = storage.create_job_tick(data(0.5))
    assert storage.get_job_ticks("job", cursor=first[-1].cursor) == [last]
    far_on = (200_000_000_000, 10)  # an int is a time, too; this one needs more than 32 bits
    assert storage.get_latest_job_tick("job") == storage.get_job_ticks("job", cursor=far_on)[0]


def test_a_tick_is_updated(storage: ScheduleStorage) -> None:
    tick, other = storage.create_job_tick(data(1.0)), storage.create_job_tick(data(2.0))
    done = tick.with_run("r1", "k1").with_run("r2").with_status(SUCCESS, timestamp=3.0)
    assert storage.update_job_tick(done) == done
    assert storage.get_job_ticks("job") == [done, other]
    assert (done.run_ids, done.run_keys) == (["r1", "r2"], ["k1"])
    assert storage.get_job_tick_stats("job") == stats(started=1, succeeded=1)


def test_only_a_jobs_own_ticks_are_updated(storage: ScheduleStorage) -> None:
    tick = storage.create_job_tick(data(1.0))
    of_another_job, unknown = JobTick(tick.tick_id, data(5.0, job="another")), JobTick(tick.tick_id + 1, data(5.0))
    for wrong in (of_another_job, unknown):
        message = (
            rf"Job 'name' \(job origin id '{wrong.job_origin_id}'\) has no tick {wrong.tick_id}: .*create_job_tick"
        )
        with pytest.raises(DagsterInvariantViolationError, match=message):
            storage.update_job_tick(wrong)
    assert storage.get_job_ticks("job") == [tick]
    assert storage.get_job_ticks("another") == []


def test_who_holds_a_tick_that_is_gone_does_not_overwrite_a_new_one(storage: ScheduleStorage) -> None:
    purged = storage.create_job_tick(data(1.0))
    storage.purge_job_ticks("job", STARTED, 2.0)
    wiped = storage.create_job_tick(data(1.0))
    storage.wipe()
    new = storage.create_job_tick(data(1.0))
    assert purged.tick_id < wiped.tick_id < new.tick_id
    for gone in (purged, wiped):
        with pytest.raises(DagsterInvariantViolationError, match=f"has no tick {gone.tick_id}: it was deleted"):
            storage.update_job_tick(gone.with_status(SUCCESS))
    assert storage.get_job_ticks("job") == [new]


def test_purge_takes_one_status_of_one_job_before_a_time(storage: ScheduleStorage) -> None:
    for timestamp in (1.0, 2.0, 3.0):
        for status in (SKIPPED, SUCCESS, FAILURE):
            for job in ("job", "another"):
                storage.create_job_tick(data(timestamp, status, job))
    storage.purge_job_ticks("job", SKIPPED, before=3.0)
    left = [(tick.timestamp, tick.status) for tick in storage.get_job_ticks("job") if tick.status is SKIPPED]
    assert left == [(3.0, SKIPPED)]
    assert storage.get_job_tick_stats("job") == stats(succeeded=3, skipped=1, failed=3)
    assert storage.get_job_tick_stats("another") == stats(succeeded=3, skipped=3, failed=3)


def test_stats_count_every_status(storage: ScheduleStorage) -> None:
    for count, status in enumerate((STARTED, SUCCESS, SKIPPED, FAILURE), start=1):
        for number in range(count):
            storage.create_job_tick(data(float(number), status))
    storage.create_job_tick(data(1.0, job="another"))
    assert storage.get_job_tick_stats("job") == stats(started=1, succeeded=2, skipped=3, failed=4)


@pytest.mark.parametrize("wrong", NO_TIMES, ids=lambda wrong: repr(wrong)[:20])
def test_what_is_no_time_is_refused_and_nothing_is_changed(wrong: Any, storage: ScheduleStorage) -> None:
    tick = storage.create_job_tick(data(1.0))
    attempts: list[Callable[[], object]] = [
        lambda: storage.purge_job_ticks("job", STARTED, wrong),
        lambda: storage.get_job_ticks("job", before=wrong),
        lambda: storage.get_job_ticks("job", after=wrong),
        lambda: storage.get_job_ticks("job", cursor=(wrong, 1)),
        lambda: storage.create_job_tick(data(wrong)),
        lambda: storage.update_job_tick(tick.with_status(STARTED, timestamp=wrong)),
    ]
    for attempt in attempts:
        with pytest.raises(DagsterInvariantViolationError, match="give a Unix time in seconds"):
            attempt()
    assert storage.get_job_ticks("job") == [tick]


def test_a_negative_limit_is_refused(storage: ScheduleStorage) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="limit is -1; give 0 or more"):
        storage.get_job_ticks("job", limit=-1)


def test_wipe(storage: ScheduleStorage) -> None:
    state = storage.add_job_state(sensor("s"))
    storage.create_job_tick(data(1.0))
    storage.wipe()
    assert storage.all_stored_job_state() == []
    assert storage.get_job_ticks("job") == []
    assert storage.add_job_state(state) == state


def test_usable_again_after_dispose(storage: ScheduleStorage) -> None:
    first = storage.create_job_tick(data(1.0))
    storage.dispose()
    second = storage.create_job_tick(data(2.0))
    assert storage.get_job_ticks("job") == [second, first]


@pytest.mark.parametrize("kind", PERSISTENT)
def test_two_storages_on_one_place_see_the_same(kind: str, make: Make, tmp_path: Path) -> None:
    one, other = make(kind, tmp_path), make(kind, tmp_path)
    state, tick = one.add_job_state(sensor("s")), one.create_job_tick(data(1.0))
    assert (other.all_stored_job_state(), other.get_job_ticks("job")) == ([state], [tick])
    with pytest.raises(DagsterInvariantViolationError, match="has a state already"):
        other.add_job_state(state)
    other.delete_job_state(state.job_origin_id)
    other.purge_job_ticks("job", STARTED, 2.0)
    with pytest.raises(DagsterInvariantViolationError, match=r"There is no job with origin id .* to update"):
        one.update_job_state(state)
    with pytest.raises(DagsterInvariantViolationError, match="has no tick"):
        one.update_job_tick(tick)
    one.dispose()
    other.dispose()


@pytest.mark.parametrize("kind", PERSISTENT)
def test_reopened(kind: str, make: Make, tmp_path: Path) -> None:
    first = make(kind, tmp_path)
    state = first.add_job_state(schedule("s"))
    kept, purged = first.create_job_tick(data(1.0, FAILURE)), first.create_job_tick(data(1.0))
    first.purge_job_ticks("job", STARTED, 2.0)
    first.dispose()
    second = make(kind, tmp_path)
    assert second.all_stored_job_state() == [state]
    assert second.get_job_ticks("job") == [kept]
    assert second.create_job_tick(data(2.0)).tick_id > purged.tick_id
    second.dispose()


def test_many_threads(storage: ScheduleStorage) -> None:
    barrier = threading.Barrier(6)

    def work(worker: int) -> list[int]:
        barrier.wait()
        own, ids = storage.add_job_state(sensor(f"{worker}")), []
        for number in range(15):
            tick = storage.create_job_tick(data(float(number)))
            storage.update_job_tick(tick.with_run(f"{worker}-{number}").with_status(SUCCESS))
            storage.update_job_state(own.with_data(SensorJobData(cursor=str(number))))
            ids.append(tick.tick_id)
        return ids

    with ThreadPoolExecutor(6) as pool:
        ids = [tick_id for own in pool.map(work, range(6)) for tick_id in own]
    found = storage.get_job_ticks("job")
    assert len(set(ids)) == 90
    assert {tick.tick_id for tick in found} == set(ids)
    assert len({tick.run_ids[0] for tick in found}) == 90
    assert [tick.cursor for tick in found] == sorted((tick.cursor for tick in found), reverse=True)
    assert storage.get_job_tick_stats("job") == stats(succeeded=90)
    assert {state.job_name for state in storage.all_stored_job_state()} == set("012345")
    assert {state.job_specific_data for state in storage.all_stored_job_state()} == {SensorJobData(cursor="14")}


def test_of_many_threads_adding_or_deleting_one_state_one_does(storage: ScheduleStorage) -> None:
    barrier = threading.Barrier(6)
    state = sensor("same")

    def succeeds(change: Callable[[], object]) -> bool:
        barrier.wait()
        try:
            change()
        except DagsterInvariantViolationError:
            return False
        return True

    adding = [
        lambda worker=worker: storage.add_job_state(state.with_data(SensorJobData(worker))) for worker in range(6)
    ]
    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(succeeds, adding))
        assert sum(added) == 1
        assert storage.all_stored_job_state() == [state.with_data(SensorJobData(added.index(True)))]
        deleted = list(pool.map(succeeds, [lambda: storage.delete_job_state(state.job_origin_id)] * 6))
        assert sum(deleted) == 1
    assert storage.all_stored_job_state() == []


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_texts_come_back_or_are_refused(kind: str, hostile: str, fenced: Path, make: Make) -> None:
    storage = make(kind, fenced)
    bystander = storage.add_job_state(sensor("bystander"))
    beside = storage.create_job_tick(data(1.0, job="bystander"))
    tick_data = JobTickData(hostile, hostile, SENSOR, SKIPPED, 1.0, [hostile], [hostile], skip_reason=hostile)
    state = JobState(JobOrigin(hostile, hostile), SENSOR, RUNNING, SensorJobData(1.0, hostile, hostile))
    if hostile == "\udce9":
        with pytest.raises(DagsterInvariantViolationError, match="Cannot be stored as JSON"):
            storage.add_job_state(state)
    elif kind == "postgres" and "\0" in hostile:
        with pytest.raises(DagsterInvariantViolationError, match=r"'a\\x00b' holds a NUL character"):
            storage.add_job_state(state)
    else:
        storage.add_job_state(state)
        assert storage.get_job_state(state.job_origin_id) == state
        assert storage.all_stored_job_state(hostile) == [state]
        storage.update_job_state(state.with_status(STOPPED))
        assert storage.all_stored_job_state(hostile) == [state.with_status(STOPPED)]
        storage.delete_job_state(state.job_origin_id)
    if hostile == "\udce9" and kind != "in_memory":
        with pytest.raises(DagsterInvariantViolationError, match="Cannot be stored as JSON"):
            storage.create_job_tick(tick_data)
        for ask in (storage.get_job_state, storage.get_job_ticks, storage.get_job_tick_stats):
            with pytest.raises(DagsterInvariantViolationError, match="is not valid Unicode text"):
                ask(hostile)
    elif kind == "postgres" and "\0" in hostile:
        with pytest.raises(DagsterInvariantViolationError, match=r"'a\\x00b' holds a NUL character"):
            storage.create_job_tick(tick_data)
        for ask in (storage.get_job_state, storage.get_job_ticks, storage.get_job_tick_stats):
            with pytest.raises(DagsterInvariantViolationError, match=r"'a\\x00b' holds a NUL character"):
                ask(hostile)
    else:
        tick = storage.create_job_tick(tick_data)
        assert storage.get_job_ticks(hostile) == [tick]
        again = storage.update_job_tick(tick.with_run(hostile, hostile))
        assert storage.get_latest_job_tick(hostile) == again
        assert storage.get_job_tick_stats(hostile) == stats(skipped=1)
        with pytest.raises(DagsterInvariantViolationError, match="There is no job with origin id"):
            storage.delete_job_state(hostile)
        storage.purge_job_ticks(hostile, SKIPPED, 2.0)
        assert storage.get_job_ticks(hostile) == []
    assert storage.all_stored_job_state() == [bystander]
    assert storage.get_job_ticks("bystander") == [beside]
    storage.dispose()


MOMENTS = st.sampled_from([0.0, 1.0, 1.5, 1.6e9, 1.6e9 + 0.000001])
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["create", "create", "create", "update", "purge"]),
        st.sampled_from("ab"),
        st.sampled_from(list(JobTickStatus)),
        MOMENTS,
    ),
    max_size=25,
)


@given(CHANGES, st.none() | MOMENTS, st.none() | MOMENTS, st.integers(1, 4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ticks_behave_as_a_sorted_list(
    storage: ScheduleStorage,
    changes: list[tuple[str, str, JobTickStatus, float]],
    before: float | None,
    after: float | None,
    limit: int,
) -> None:
    storage.wipe()
    expected: list[JobTick] = []
    for change, job, status, moment in changes:
        mine = [tick for tick in expected if tick.job_origin_id == job]
        if change == "create":
            expected.append(storage.create_job_tick(data(moment, status, job)))
        elif change == "update" and mine:
            new = JobTick(mine[0].tick_id, data(moment, status, job))
            expected[expected.index(mine[0])] = storage.update_job_tick(new)
        elif change == "purge":
            storage.purge_job_ticks(job, status, moment)
            purged = [tick for tick in mine if tick.status is status and tick.timestamp < moment]
            expected = [tick for tick in expected if tick not in purged]
    for job in "ab":
        ordered = sorted((tick for tick in expected if tick.job_origin_id == job), key=lambda tick: tick.cursor)[::-1]
        assert in_pages(storage, job, limit) == storage.get_job_ticks(job) == ordered
        within = [
            tick
            for tick in ordered
            if (before is None or tick.timestamp < before) and (after is None or tick.timestamp > after)
        ]
        assert storage.get_job_ticks(job, before, after, limit) == within[:limit]
        counted = [sum(tick.status is each for tick in ordered) for each in (STARTED, SUCCESS, SKIPPED, FAILURE)]
        assert storage.get_job_tick_stats(job) == stats(*counted)


def test_the_id_of_an_origin_is_stable_and_its_own() -> None:
    assert JobOrigin("repo", "daily").get_id() == sha256(b'["repo","daily"]').hexdigest()
    ids = [JobOrigin(*names).get_id() for names in (("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ('a","b', ""))]
    assert len(set(ids)) == 5


def test_a_state_holds_the_data_of_its_type() -> None:
    state = sensor("s", "r")
    assert (state.job_name, state.repository_origin_id, state.job_origin_id) == ("s", "r", state.origin.get_id())
    with pytest.raises(DagsterInvariantViolationError, match=r"sensor 's' holds ScheduleJobData .* SensorJobData or"):
        state.with_data(ScheduleJobData("* * * * *"))
    for wrong in (None, SensorJobData()):
        with pytest.raises(DagsterInvariantViolationError, match=r"schedule 'd' holds .*; give ScheduleJobData"):
            schedule("d").with_data(wrong)
    with pytest.raises(DagsterInvariantViolationError, match="start_timestamp is nan"):
        ScheduleJobData("* * * * *", float("nan"))
    with pytest.raises(DagsterInvariantViolationError, match="last_tick_timestamp is nan"):
        SensorJobData(float("nan"))


def test_a_tick_holds_what_goes_with_its_status() -> None:
    tick = JobTick(7, data(1.0))
    assert (tick.cursor, tick.job_origin_id, tick.job_name, tick.job_type) == ((1.0, 7), "job", "name", SENSOR)
    failed = tick.with_status(FAILURE, ERROR)
    assert (failed.error, failed.with_status(FAILURE).error, failed.with_status(STARTED).error) == (ERROR, ERROR, None)
    skipped = tick.with_status(SKIPPED, timestamp=0).with_reason("nothing new")
    assert (skipped.timestamp, skipped.skip_reason) == (0, "nothing new")
    assert skipped.with_status(SUCCESS).skip_reason is None
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: tick.with_status(FAILURE), "'name' with status FAILURE has no error"),
        (lambda: tick.with_status(SUCCESS, ERROR), "with status SUCCESS has an error"),
        (lambda: tick.with_reason("x"), "with status STARTED has a skip_reason"),
    ]
    for attempt, message in refused:
        with pytest.raises(DagsterInvariantViolationError, match=message):
            attempt()


def test_sqlite_as_dagster_yaml_names_it(tmp_path: Path) -> None:
    named = ConfigurableClassData(
        "core.storage.schedules", "SqliteScheduleStorage", f"base_dir: {tmp_path / 'new' / 'dir'}"
    )
    storage = named.rehydrate()
    assert storage.inst_data == named
    storage.add_job_state(sensor("s"))
    storage.dispose()
    assert [path.name for path in (tmp_path / "new" / "dir").iterdir()] == ["schedules.db"]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "schedules.db"
    path.write_text("not a database, but long enough to be read as the header of one" * 10)
    content = path.read_bytes()
    with pytest.raises(DagsterStorageError, match=r"schedule database at .*schedules\.db"):
        SqliteScheduleStorage.from_local(str(tmp_path)).all_stored_job_state()
    assert path.read_bytes() == content


def reserved(run_id: str, run_key: str | None = None) -> ReservedRun:
    config = {"solids": {"é": {"config": [1, None, {"a": 2.5}]}}}
    return ReservedRun(run_id, ExternalPipelineOrigin(SHOP, "orders"), run_key, config, {"t": "v"}, "m", ("a*",))


def begun(state: JobState, timestamp: float, *runs: ReservedRun) -> JobTickData:
    return JobTickData(
        state.job_origin_id, state.job_name, state.job_type, STARTED, timestamp, reserved=list(runs) or None
    )


def test_a_job_moves_with_its_ticks_where_it_is_as_it_was_seen(storage: ScheduleStorage) -> None:
    seen = storage.add_job_state(schedule("daily"))
    other = storage.add_job_state(sensor("other"))
    moved = seen.with_data(ScheduleJobData("* * * * *", 5.0, "S", "Europe/Rome", 60.0))
    move = JobMove(seen, moved, (begun(seen, 60.0), begun(seen, 120.0, reserved("r1", "k"), reserved("r2"))))
    stale = JobMove(other.with_status(STOPPED), other, (begun(other, 1.0),))
    [ticks, none] = storage.move_jobs([move, stale])
    assert none is None
    assert ticks is not None
    assert [tick.job_tick_data for tick in ticks] == list(move.ticks)
    assert storage.get_job_state(seen.job_origin_id) == moved
    assert storage.get_job_ticks(seen.job_origin_id) == ticks[::-1]
    assert storage.get_job_ticks(other.job_origin_id) == []
    assert storage.move_jobs([move]) == [None]
    assert storage.move_jobs([JobMove(moved, seen)]) == [[]]
    assert storage.move_jobs([JobMove(schedule("gone"), seen, (begun(seen, 1.0),))]) == [None]
    assert storage.move_jobs([]) == []
    assert storage.get_started_ticks() == ticks
    ended = storage.update_job_tick(ticks[1].with_status(SUCCESS))
    assert ended.reserved is None
    assert storage.get_started_ticks() == ticks[:1]


def test_the_keys_of_a_sensor_are_taken_and_those_of_a_schedule_are_not(storage: ScheduleStorage) -> None:
    one, two = storage.add_job_state(sensor("one")), storage.add_job_state(schedule("two"))
    runs = reserved("r", "a"), reserved("s"), reserved("t", "é")
    moves = [JobMove(each, each, (begun(each, 1.0, *runs),)) for each in (one, two)]
    assert storage.taken_run_keys(one.job_origin_id, ["a"]) == set()
    assert None not in storage.move_jobs(moves)
    many = [str(number) for number in range(1200)]
    assert storage.taken_run_keys(one.job_origin_id, ["a", "b", "é", *many]) == {"a", "é"}
    assert storage.taken_run_keys(two.job_origin_id, ["a", "b", "é"]) == set()
    assert storage.taken_run_keys("other", ["a"]) == set()
    storage.delete_job_state(one.job_origin_id)
    assert storage.taken_run_keys(one.job_origin_id, {"a"}) == {"a"}
    storage.wipe()
    assert storage.taken_run_keys(one.job_origin_id, {"a"}) == set()


def test_of_many_that_have_seen_a_job_one_moves_it(storage: ScheduleStorage) -> None:
    seen = [storage.add_job_state(schedule(f"{number}")) for number in range(5)]
    barrier = threading.Barrier(6)

    def move(worker: int) -> list[bool]:
        moved = [state.with_data(ScheduleJobData("* * * * *", float(worker))) for state in seen]
        order = list(zip(seen, moved, strict=True))[:: 1 if worker % 2 else -1]
        barrier.wait()
        made = storage.move_jobs([JobMove(one, other, (begun(one, float(worker)),)) for one, other in order])
        return [each is not None for each in made]

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(move, range(6)))
    assert sum(map(sum, made)) == 5
    assert len(storage.get_started_ticks()) == 5


def test_the_time_is_one_for_all(storage: ScheduleStorage) -> None:
    before = datetime.now(UTC).timestamp()
    assert abs(storage.now() - before) < 60
    assert storage.now() >= storage.now() - 1


def backfill(name: str, *partitions: str) -> PartitionBackfill:
    origin = ExternalPartitionSetOrigin(SHOP, "days")
    return PartitionBackfill(
        name, origin, BulkActionStatus.REQUESTED, partitions or ("a",), True, ("s",), {"é": "🦆"}, 1.5
    )


def test_backfills_come_back_whole_the_newest_first(storage: ScheduleStorage) -> None:
    made = [storage.add_backfill(backfill(name, "é", f"{name}2")) for name in ("one", "two", "three")]
    assert storage.get_backfills() == made[::-1]
    assert storage.get_backfill("two") == made[1]
    assert storage.get_backfill("none") is None
    assert storage.get_backfills(cursor="three", limit=1) == [made[1]]
    assert storage.get_backfills(cursor="none") == []
    failed = storage.update_backfill(
        made[0].with_status(BulkActionStatus.FAILED, SerializableErrorInfo("E: no", (), "E"))
    )
    assert storage.get_backfills(BulkActionStatus.FAILED) == [failed]
    assert storage.get_backfills(BulkActionStatus.REQUESTED) == made[:0:-1]
    with pytest.raises(DagsterInvariantViolationError, match="There is a backfill 'one' already"):
        storage.add_backfill(made[0])
    with pytest.raises(DagsterInvariantViolationError, match="There is no backfill 'none'"):
        storage.update_backfill(backfill("none"))
    with pytest.raises(DagsterInvariantViolationError, match="limit is -1"):
        storage.get_backfills(limit=-1)


def test_each_partition_has_a_run_from_the_beginning(storage: ScheduleStorage) -> None:
    names = tuple(f"2021-{number:04}" for number in range(600))
    made = storage.add_backfill(backfill("days", *names))
    storage.add_backfill(backfill("other", *names))
    partitions = storage.get_backfill_partitions("days")
    assert [each.partition_name for each in partitions] == list(names)
    assert len({each.run_id for each in partitions}) == 600
    submitted = [each.run_id for each in partitions[:550]]
    storage.set_backfill_partitions("days", submitted, SUBMITTED)
    storage.set_backfill_partitions("other", submitted, SUBMITTED)  # they are none of its own
    assert [each.run_id for each in storage.get_backfill_partitions("days", SUBMITTED)] == submitted
    assert storage.get_backfill_partitions("days", REQUESTED, limit=2) == partitions[550:552]
    assert storage.get_backfill_partitions("other", SUBMITTED) == []
    assert storage.get_backfill_partitions("none") == []
    read = storage.get_backfill("days")
    assert read is not None
    assert read.last_submitted_partition_name == names[549]
    assert read.partition_names == made.partition_names
    storage.update_backfill(read)
    assert storage.get_backfill("days") == read
    storage.wipe()
    assert storage.get_backfill_partitions("days") == []
    assert storage.get_backfills() == []


def test_a_backfill_ends_once(storage: ScheduleStorage) -> None:
    made = storage.add_backfill(backfill("b"))
    assert storage.end_backfill(made.with_status(BulkActionStatus.CANCELED)) is True
    assert storage.end_backfill(made.with_status(BulkActionStatus.COMPLETED)) is False
    assert storage.end_backfill(backfill("none")) is False
    assert storage.get_backfill_status("b") is BulkActionStatus.CANCELED
    assert storage.get_backfill_status("none") is None
    [ended] = storage.get_backfills()
    assert ended.status is BulkActionStatus.CANCELED


def test_a_backfill_has_partitions_that_differ() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="has partition 'a' twice"):
        backfill("b", "a", "c", "a")


def test_a_tick_is_replaced_where_it_is_as_it_was_seen(storage: ScheduleStorage) -> None:
    seen = storage.create_job_tick(data(1.0))
    kept = seen.with_reserved([reserved("r", "k")])
    assert storage.replace_job_tick(seen, kept) is True
    assert storage.replace_job_tick(seen, seen.with_status(SUCCESS)) is False
    assert storage.get_job_ticks("job") == [kept]
    storage.purge_job_ticks("job", STARTED, 2.0)
    assert storage.replace_job_tick(kept, seen) is False


def test_of_many_changes_at_once_none_is_lost(storage: ScheduleStorage) -> None:
    job = sensor("s")

    def longer(state: JobState | None) -> JobState:
        found = state.job_specific_data if state is not None else None
        return job.with_data(SensorJobData(cursor=f"{found.cursor if isinstance(found, SensorJobData) else ''}x"))

    with ThreadPoolExecutor(6) as pool:
        for _ in range(30):
            pool.submit(storage.change_job_state, job.job_origin_id, longer)
    state = storage.get_job_state(job.job_origin_id)
    assert state is not None
    assert state.job_specific_data == SensorJobData(cursor="x" * 30)
