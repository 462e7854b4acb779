"""Who answers for a run, and what is next in the queue: the part of `core.storage.runs.base` that launching needs."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.events import DagsterEvent
from core.records.claim import OFFERED, Claim
from core.records.pipeline_run import CLAIMED_STATUSES, FINISHED_STATUSES, PipelineRun, PipelineRunStatus
from core.records.queue import QueueLimits, TagLimit
from core.storage.postgres import PostgresRunStorage
from core.storage.runs import InMemoryRunStorage, RunStorage, SqliteRunStorage, SqlRunStorage
from core.storage.runs.schema import runs

KINDS = ["in_memory", "sqlite", "postgres"]
NOT_STARTED, QUEUED = PipelineRunStatus.NOT_STARTED, PipelineRunStatus.QUEUED
STARTING, STARTED, CANCELING = PipelineRunStatus.STARTING, PipelineRunStatus.STARTED, PipelineRunStatus.CANCELING
LONG = 1000.0
NO_LIMITS = QueueLimits()

Open = Callable[[], RunStorage]


@pytest.fixture(params=KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same storage, as each process does."""
    if request.param == "in_memory":
        storage = InMemoryRunStorage()
        yield lambda: storage
        return
    made: list[RunStorage] = []
    url = request.getfixturevalue("new_postgres_url")() if request.param == "postgres" else ""

    def opened() -> RunStorage:
        made.append(PostgresRunStorage(url) if url else SqliteRunStorage.from_local(str(tmp_path)))
        return made[-1]

    yield opened
    for each in made:
        each.dispose()


@pytest.fixture
def storage(opened: Open) -> RunStorage:
    return opened()


def add(storage: RunStorage, *run_ids: str, status: PipelineRunStatus = QUEUED, **tags: str) -> None:
    for run_id in run_ids:
        storage.add_run(PipelineRun("p", run_id, status=status, tags=tags))


def status_of(storage: RunStorage, run_id: str) -> PipelineRunStatus:
    run = storage.get_run_by_id(run_id)
    assert run is not None
    return run.status


def taken(storage: RunStorage, limits: QueueLimits = NO_LIMITS, count: int = 100) -> list[str]:
    """What a daemon takes out of the queue."""
    role = storage.claim_role("queue", "a daemon", LONG)
    assert role is not None
    try:
        return [each.run.run_id for each in storage.dequeue(role, limits, count, LONG)]
    finally:
        storage.release_role(role)


def test_a_run_is_claimed_by_one_until_the_claim_expires(storage: RunStorage) -> None:
    add(storage, "r")
    first = storage.claim_run("r", "a", LONG, {QUEUED}, STARTED)
    assert first == Claim("r", "a", 1) == storage.get_claim("r")
    assert status_of(storage, "r") is STARTED
    for expected in ({QUEUED}, {QUEUED, STARTED}, set(PipelineRunStatus)):
        assert storage.claim_run("r", "b", LONG, expected, STARTED) is None
    assert storage.claim_expired_run("r", "b", LONG) is None
    assert storage.expired_runs(10) == []
    assert storage.renew_claim(first, 0)
    assert storage.expired_runs(10) == ["r"]
    assert storage.claim_expired_run("r", "b", LONG) == Claim("r", "b", 2)
    assert storage.claim_expired_run("r", "c", LONG) is None
    assert storage.expired_runs(10) == []
    assert not storage.renew_claim(first, LONG)
    storage.release_claim(first)
    assert storage.get_claim("r") == Claim("r", "b", 2)


def test_an_expired_claim_that_nobody_took_over_is_renewed(storage: RunStorage) -> None:
    claim = storage.add_claimed_run(PipelineRun("p", "r", status=STARTED), "a", 0)
    assert claim == Claim("r", "a", 1)
    assert storage.expired_runs(10) == ["r"]
    assert storage.renew_claim(claim, LONG)
    assert storage.expired_runs(10) == []
    assert storage.claim_expired_run("r", "b", LONG) is None


def test_what_is_offered_is_taken_over_once_and_only_as_it_was_handed_over(storage: RunStorage) -> None:
    add(storage, "r", "s")
    offered = storage.claim_run("r", OFFERED, LONG, {QUEUED}, STARTING)
    assert offered == storage.get_claim("r") == Claim("r", OFFERED, 1)
    stale = Claim("r", OFFERED, 0)
    assert storage.claim_run("r", "late", LONG, {STARTING}, STARTED, after=stale) is None
    assert storage.claim_run("r", "a", LONG, {STARTING}, STARTED, after=offered) == Claim("r", "a", 2)
    assert storage.claim_run("r", "b", LONG, {STARTING, STARTED}, STARTED, after=offered) is None
    assert not storage.renew_claim(offered, LONG)
    assert storage.claim_run("s", OFFERED, LONG, {QUEUED}, STARTING) is not None
    assert storage.claim_run("s", "c", LONG, {STARTING}, STARTED) == Claim("s", "c", 2)


def test_a_claim_is_handed_over_before_it_expires(storage: RunStorage) -> None:
    claim = storage.add_claimed_run(PipelineRun("p", "r", status=STARTING), "a", LONG)
    after = storage.claim_run("r", "a", LONG, {STARTING}, STARTED, after=claim)
    assert after == Claim("r", "a", 2)


def test_an_unknown_run_is_claimed_by_nobody(storage: RunStorage) -> None:
    assert storage.claim_run("nope", "a", LONG, set(PipelineRunStatus), STARTED) is None
    assert storage.claim_expired_run("nope", "a", LONG) is None
    assert storage.get_claim("nope") is None
    assert not storage.renew_claim(Claim("nope", "a", 1), LONG)
    storage.release_claim(Claim("nope", "a", 1))
    assert storage.count_launches("nope") == 0


@pytest.mark.parametrize("ended", sorted(FINISHED_STATUSES | {QUEUED}, key=str))
def test_nobody_answers_for_a_run_that_has_ended_or_waits(storage: RunStorage, ended: PipelineRunStatus) -> None:
    claim = storage.add_claimed_run(PipelineRun("p", "r", status=STARTED), "a", 0)
    assert storage.change_status("r", {STARTED}, ended)
    assert storage.get_claim("r") is None
    assert storage.expired_runs(10) == []
    assert not storage.renew_claim(claim, LONG)


@pytest.mark.parametrize("status", sorted(CLAIMED_STATUSES, key=str))
def test_a_run_whose_process_is_gone_is_found_in_each_status(storage: RunStorage, status: PipelineRunStatus) -> None:
    storage.add_claimed_run(PipelineRun("p", "gone", status=status), "a", 0)
    storage.add_claimed_run(PipelineRun("p", "lives", status=status), "a", LONG)
    add(storage, "of an older release", status=status)
    assert storage.expired_runs(10) == ["gone"]


def test_who_has_lost_the_claim_changes_no_status(storage: RunStorage) -> None:
    lost = storage.add_claimed_run(PipelineRun("p", "r", status=STARTED), "a", 0)
    now = storage.claim_expired_run("r", "b", LONG)
    success = DagsterEvent("PIPELINE_SUCCESS", "p")
    storage.handle_run_event("r", success, lost)
    assert not storage.change_status("r", {STARTED}, CANCELING, lost)
    assert status_of(storage, "r") is STARTED
    storage.handle_run_event("r", success, now)
    assert status_of(storage, "r") is PipelineRunStatus.SUCCESS


def test_the_runs_whose_claims_expired_first_are_found_first(storage: RunStorage) -> None:
    for run_id, seconds in (("b", -10.0), ("c", -5.0), ("a", -20.0)):
        storage.add_claimed_run(PipelineRun("p", run_id, status=STARTED), "x", seconds)
    assert storage.expired_runs(2) == ["a", "b"]


def test_of_many_at_once_one_takes_a_run_over(opened: Open) -> None:
    storages = [opened() for _ in range(4)]
    storages[0].add_claimed_run(PipelineRun("p", "dead", status=STARTED), "x", 0)
    add(storages[0], "waits")

    def claim(number: int) -> list[bool]:
        storage, owner = storages[number % 4], str(number)
        return [
            storage.claim_run("waits", owner, LONG, {QUEUED}, STARTED) is not None,
            storage.claim_expired_run("dead", owner, LONG) is not None,
            storage.claim_role("queue", owner, LONG) is not None,
        ]

    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(claim, range(16)))
    assert [sum(each) for each in zip(*claimed, strict=True)] == [1, 1, 1]


def test_a_role_is_had_by_one_until_the_claim_expires(storage: RunStorage) -> None:
    first = storage.claim_role("queue", "a", LONG)
    assert first == Claim("queue", "a", 1)
    assert storage.claim_role("queue", "b", LONG) is None
    assert storage.claim_role("sensors", "b", LONG) == Claim("sensors", "b", 1)
    assert storage.renew_role(first, 0)
    second = storage.claim_role("queue", "b", LONG)
    assert second == Claim("queue", "b", 2)
    assert not storage.renew_role(first, LONG)
    storage.release_role(first)
    assert storage.claim_role("queue", "c", LONG) is None
    storage.release_role(second)
    assert not storage.renew_role(second, LONG)
    assert storage.claim_role("queue", "c", LONG) == Claim("queue", "c", 3)


def test_the_queue_goes_by_priority_and_then_by_age(storage: RunStorage) -> None:
    for run_id, priority in (("a", "0"), ("b", "7"), ("c", "-1"), ("d", "7"), ("e", "junk"), ("f", "9" * 50)):
        add(storage, run_id, **{"dagster/priority": priority})
    add(storage, "g")
    add(storage, "ended", status=PipelineRunStatus.SUCCESS)
    storage.add_run_tags("a", {"dagster/priority": "-5"})
    storage.add_run_tags("b", {"team": "x"})
    order = ["f", "b", "d", "e", "g", "c", "a"]
    assert [run.run_id for run in storage.get_queue()] == order
    assert [run.run_id for run in storage.get_queue(limit=2)] == order[:2]
    assert taken(storage, count=3) == order[:3]
    assert taken(storage) == order[3:]
    assert storage.get_queue() == []
    assert [storage.count_launches(run_id) for run_id in ("a", "ended")] == [1, 0]


def test_what_is_taken_is_starting_and_offered(storage: RunStorage) -> None:
    add(storage, "r", team="x")
    role = storage.claim_role("queue", "a", LONG)
    assert role is not None
    (out,) = storage.dequeue(role, NO_LIMITS, 5, 0)
    assert out.run == storage.get_run_by_id("r")
    assert (out.run.status, out.run.tags) == (STARTING, {"team": "x"})
    assert out.claim == storage.get_claim("r") == Claim("r", OFFERED, 1)
    assert storage.expired_runs(10) == ["r"]


def test_who_has_lost_the_role_takes_nothing(storage: RunStorage) -> None:
    add(storage, "r")
    role = storage.claim_role("queue", "a", 0)
    assert role is not None
    assert storage.dequeue(role, NO_LIMITS, 5, LONG) == []
    assert storage.claim_role("queue", "b", LONG) is not None
    assert storage.dequeue(role, NO_LIMITS, 5, LONG) == []
    assert status_of(storage, "r") is QUEUED


@pytest.mark.parametrize("status", sorted(CLAIMED_STATUSES, key=str))
def test_runs_in_progress_take_places_whoever_started_them(storage: RunStorage, status: PipelineRunStatus) -> None:
    add(storage, "by hand", status=status)
    add(storage, "a", "b", "c")
    assert taken(storage, QueueLimits(max_runs=3)) == ["a", "b"]
    assert taken(storage, QueueLimits(max_runs=3)) == []
    storage.change_status("by hand", {status}, PipelineRunStatus.SUCCESS)
    assert taken(storage, QueueLimits(max_runs=3)) == ["c"]


def test_a_run_that_a_limit_holds_is_passed_over(storage: RunStorage) -> None:
    limits = QueueLimits(
        tags=(
            TagLimit("team", 3),
            TagLimit("team", 1, value="x"),
            TagLimit("bucket", 1, is_per_value=True),
            TagLimit("never", 0),
            TagLimit("zone", 0, value="moon"),
        )
    )
    add(storage, "x1", "x2", team="x")
    add(storage, "y1", "y2", "y3", team="y")
    add(storage, "a1", "a2", bucket="a")
    add(storage, "b1", "b2", bucket="b", team="y")
    add(storage, "n", never="whatever")
    add(storage, "moon", zone="moon")
    add(storage, "mars", zone="mars")
    assert taken(storage, limits) == ["x1", "y1", "y2", "a1", "mars"]
    storage.change_status("y1", {STARTING}, PipelineRunStatus.FAILURE)
    storage.change_status("x1", {STARTING}, PipelineRunStatus.FAILURE)
    assert taken(storage, limits, count=1) == ["x2"]
    assert taken(storage, limits) == ["y3"]
    storage.change_status("y3", {STARTING}, PipelineRunStatus.CANCELED)
    assert taken(storage, limits) == ["b1"]
    storage.change_status("a1", {STARTING}, PipelineRunStatus.SUCCESS)
    assert taken(storage, limits) == ["a2"]


def test_many_groups_are_held_and_one_run_begins(storage: RunStorage) -> None:
    per_value = QueueLimits(tags=(TagLimit("bucket", 1, is_per_value=True),))
    for number in range(700):
        add(storage, f"first {number}", status=STARTED, bucket=str(number))
        add(storage, f"second {number}", bucket=str(number))
    add(storage, "free", bucket="another")
    assert taken(storage, per_value) == ["free"]


def test_no_limit_is_exceeded_by_daemons_that_take_at_once(opened: Open) -> None:
    storages = [opened() for _ in range(4)]
    add(storages[0], *(f"r{number}" for number in range(40)))
    roles = [each.claim_role(f"queue of {number}", "a daemon", LONG) for number, each in enumerate(storages)]

    def take(number: int) -> list[str]:
        role = roles[number % 4]
        assert role is not None
        out = storages[number % 4].dequeue(role, QueueLimits(max_runs=5), 2, LONG)
        return [each.run.run_id for each in out]

    with ThreadPoolExecutor(4) as pool:
        out = list(itertools.chain(*pool.map(take, range(12))))
    assert len(out) == len(set(out)) == 5


@pytest.mark.parametrize("opened", ["sqlite", "postgres"], indirect=True)
def test_10000_runs_that_are_held_are_not_looked_at_one_by_one(opened: Open) -> None:
    storage = opened()
    assert isinstance(storage, SqlRunStorage)
    add(storage, "busy", status=STARTED, team="x")
    with storage.write() as connection:
        row = {"pipeline_name": "p", "mode": "m", "status": "QUEUED", "created_at": 0, "updated_at": 0, "body": "{}"}
        connection.execute(runs.insert(), [{**row, "run_id": f"held {number}"} for number in range(10_000)])
        connection.execute(sa.text("INSERT INTO run_tags SELECT id, 'team', 'x' FROM runs WHERE status = 'QUEUED'"))
    add(storage, "free", team="y")
    queries: list[str] = []
    with storage.read() as connection:
        sa.event.listen(connection.engine, "after_cursor_execute", lambda *given: queries.append(given[2]))
    assert taken(storage, QueueLimits(10, (TagLimit("team", 1, is_per_value=True),))) == ["free"]
    assert len(queries) < 20, queries


@pytest.mark.parametrize("opened", ["sqlite", "postgres"], indirect=True)
def test_who_waits_for_changes_is_told_of_a_run_that_waits_and_of_one_that_has_ended(opened: Open) -> None:
    changes, other = opened().changes(), opened()
    other.add_claimed_run(PipelineRun("p", "r", status=STARTED), "a", LONG)
    changes.wait(0.3)  # from here on
    with ThreadPoolExecutor(1) as pool:
        for change in (
            lambda: add(other, "waits"),
            lambda: other.change_status("r", {STARTED}, PipelineRunStatus.SUCCESS),
        ):
            told = pool.submit(changes.wait, 60)
            change()
            assert told.result()
        pool.submit(changes.close).result()
    assert opened().get_runs_count() == 2


def test_the_wait_for_changes_ends_when_it_is_told_to(opened: Open) -> None:
    opened().get_runs()
    changes = opened().changes()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: [changes.wait(1), changes.wait(600)])
        changes.end()
        assert waiting.result() is not None
        pool.submit(changes.close).result()
