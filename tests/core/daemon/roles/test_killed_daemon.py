"""A daemon is killed at any moment: no tick is lost or comes twice, nor does a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from core.code_servers import Workspace
from core.daemon.roles.backfills import BackfillRole
from core.daemon.roles.flights import Flights
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.scheduler import SchedulerRole
from core.daemon.roles.sensors import SensorRole
from core.instance import DagsterInstance
from core.records.backfill import BulkActionStatus, PartitionBackfill
from core.records.origin import ExternalPartitionSetOrigin
from core.records.pipeline_run import PipelineRunStatus
from core.records.snapshots import PartitionSetSnapshot, ScheduleSnapshot, SensorSnapshot
from core.scheduler import DagsterDaemonScheduler
from core.schedules.requests import Evaluation, RunRequest
from tests.core.daemon.roles.code import Clock, Code, told
from tests.core.daemon.roles.kills import dying

DAYS = ScheduleSnapshot("days", "0 * * * *", "orders", partition_set="days_partitions")


@pytest.fixture(autouse=True)
def _in_the_same_thread(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """In memory the process does not end, so what is to die there is in the thread of the test."""
    if kind == "in_memory":
        monkeypatch.setattr(Flights, "start", lambda self, key, work: work())


def test_a_schedule_goes_on_where_a_killed_daemon_was(instance: DagsterInstance) -> None:
    clock, code = Clock(), Code(DAYS)
    code.answers["days"] = lambda question: Evaluation((RunRequest(f"{question.due:%H}"), RunRequest()))
    instance.schedules.now = clock  # type: ignore[method-assign]  # it begins at the time of the test
    instance.scheduler = DagsterDaemonScheduler(max_catchup_runs=1000)
    instance.start_schedule_and_update_storage_state(code.schedule("days"))

    def act() -> None:
        role = SchedulerRole(instance, KnownCode(Workspace([code])), clock)
        role.turn(None)
        assert role.flights.wait()
        assert role.take_errors() == []

    expected, deaths = 1, 0
    clock.go_on(hours=1)
    for _ in dying(instance, act):
        deaths += 1
        assert deaths < 300
        if deaths % 3 == 1:
            clock.go_on(hours=2)
            expected += 2
    act()
    ticks = instance.get_job_ticks(code.schedule("days").get_external_origin_id())
    assert deaths >= (5 if instance.is_ephemeral else 20)
    assert [status for _, status in told(ticks)] == ["SUCCESS"] * expected
    assert len({tick.timestamp for tick in ticks}) == expected
    runs = instance.get_runs()
    assert sorted(run.run_id for run in runs) == sorted(run_id for tick in ticks for run_id in tick.run_ids)
    assert len(runs) == 2 * expected
    assert {run.status for run in runs} == {PipelineRunStatus.QUEUED}


@pytest.mark.parametrize("has_keys", [True, False], ids=["by keys", "by a cursor alone"])
def test_a_sensor_goes_on_where_a_killed_daemon_was(has_keys: bool, instance: DagsterInstance) -> None:
    clock, code, files = Clock(), Code(SensorSnapshot("files", ("orders",), minimum_interval_seconds=1)), ["0"]

    def answer(question: Any) -> Evaluation:
        new = files[0 if has_keys else int(question.cursor or 0) :]
        requests = tuple(RunRequest(name if has_keys else None, {"file": name}) for name in new)
        return Evaluation(requests, None, str(len(files)))

    code.answers["files"] = answer
    instance.start_sensor(code.sensor("files"))

    def act() -> None:
        role = SensorRole(instance, KnownCode(Workspace([code])), clock)
        role.turn(None)
        assert role.flights.wait()
        assert role.take_errors() == []

    deaths = 0
    for _ in dying(instance, act):
        deaths += 1
        assert deaths < 300
        clock.go_on(seconds=10)
        if deaths % 4 == 1:
            files.append(str(len(files)))
    clock.go_on(seconds=10)
    act()
    assert deaths >= (4 if instance.is_ephemeral else 15)
    assert Counter(run.run_config["file"] for run in instance.get_runs()) == Counter(files)
    assert {run.status for run in instance.get_runs()} == {PipelineRunStatus.QUEUED}
    assert instance.schedules.get_started_ticks() == []


def test_a_backfill_goes_on_where_a_killed_daemon_was(instance: DagsterInstance) -> None:
    code, names = Code(PartitionSetSnapshot("days", "orders")), tuple("abcdefgh")
    origin = ExternalPartitionSetOrigin(code.repository.origin, "days")
    instance.add_backfill(PartitionBackfill("b", origin, BulkActionStatus.REQUESTED, names))

    def act() -> None:
        role = BackfillRole(instance, KnownCode(Workspace([code])))
        role.turn(None)
        assert role.flights.wait()
        assert role.take_errors() == []

    deaths = sum(1 for _ in dying(instance, act))
    act()
    assert deaths >= 4
    assert sorted(run.run_config["day"] for run in instance.get_runs()) == list(names)
    assert {run.status for run in instance.get_runs()} == {PipelineRunStatus.QUEUED}
    assert instance.schedules.get_backfill_status("b") is BulkActionStatus.COMPLETED
