"""The role that starts runs when their schedules are due."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from core.code_servers import Workspace
from core.daemon.roles.due import latest_due_times
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.scheduler import SchedulerRole
from core.errors import (
    CodeDeadlineExceededError,
    CodeProcessCrashedError,
    DagsterUserCodeProcessError,
    DagsterUserCodeUnreachableError,
)
from core.instance import DagsterInstance
from core.records.job import JobStatus, JobTickStatus, ScheduleJobData
from core.records.pipeline_run import PipelineRunStatus
from core.records.snapshots import ScheduleSnapshot
from core.scheduler import DagsterDaemonScheduler
from core.schedules.requests import Evaluation, RunRequest
from core.serdes import SerializableErrorInfo
from tests.core.daemon.roles.code import Clock, Code, told, until

HOURLY = ScheduleSnapshot("hourly", "0 * * * *", "orders")
DAYS = ScheduleSnapshot("days", "0 * * * *", "orders", partition_set="days_partitions")
ORIGINAL = SerializableErrorInfo("LookupError: no such table\n", ("  File shop.py, line 7\n",), "LookupError")


class Daemon:
    """A role with its clock, and the instance's with it."""

    def __init__(self, instance: DagsterInstance, code: Code, clock: Clock, **options: Any) -> None:
        self.clock = clock
        instance.schedules.now = clock  # type: ignore[method-assign]  # schedules are started at the time of the tests
        self.role = SchedulerRole(instance, KnownCode(Workspace([code])), clock, **options)

    def turn(self, **duration: float) -> float:
        """A turn after a while, and all that it begins."""
        self.clock.go_on(**duration)
        seconds = self.role.turn(None)
        assert self.role.flights.wait()
        assert self.role.take_errors() == []
        return seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ticks_of(instance: DagsterInstance, code: Code, name: str) -> list[tuple[str, str]]:
    return told(instance.get_job_ticks(code.schedule(name).get_external_origin_id()))


def test_a_run_is_submitted_when_a_schedule_is_due(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(HOURLY)
    daemon = Daemon(instance, code, clock)
    daemon.turn(hours=5)
    assert code.asked == []
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    assert daemon.turn() == pytest.approx(30)
    assert daemon.turn(minutes=59, seconds=50) == pytest.approx(10)
    assert instance.get_runs() == []
    daemon.turn(seconds=10.5)
    [run] = instance.get_runs()
    assert (run.status, run.pipeline_name, run.mode) == (PipelineRunStatus.QUEUED, "orders", "default")
    assert run.run_config == {"a": 1}
    assert run.tags == {
        "team": "a",
        "tag": "b",
        ".dagster/scheduled_execution_time": "2021-05-01T18:00:00+00:00",
    }
    [tick] = instance.get_job_ticks(code.schedule("hourly").get_external_origin_id())
    assert (tick.status, tick.run_ids, tick.run_keys) == (JobTickStatus.SUCCESS, [run.run_id], ["key"])
    assert daemon.turn() == pytest.approx(30)
    daemon.turn(hours=1)
    assert code.asked == ["hourly 01 18:00", "hourly 01 19:00"]
    instance.stop_schedule_and_update_storage_state(code.schedule("hourly").get_external_origin_id())
    daemon.turn(hours=3)
    assert len(code.asked) == 2
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    daemon.turn(minutes=59)
    assert len(code.asked) == 2
    daemon.turn(minutes=1)
    assert code.asked[2:] == ["hourly 01 23:00"]


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_what_was_missed_is_made_up_for_where_there_are_partitions(instance: DagsterInstance, clock: Clock) -> None:
    instance.scheduler = DagsterDaemonScheduler(max_catchup_runs=3)
    code = Code(HOURLY, DAYS)
    daemon = Daemon(instance, code, clock)
    for name in ("hourly", "days"):
        instance.start_schedule_and_update_storage_state(code.schedule(name))
    clock.go_on(hours=2, minutes=30)
    Daemon(instance, code, clock).turn()
    assert ticks_of(instance, code, "hourly") == [("01 14:00", "SUCCESS")]
    assert ticks_of(instance, code, "days") == [("01 13:00", "SUCCESS"), ("01 14:00", "SUCCESS")]
    daemon.turn(days=400)
    [_, last] = ticks_of(instance, code, "hourly")
    assert last == ("05 14:00", "SUCCESS")
    assert [at for at, _ in ticks_of(instance, code, "days")][2:] == ["05 12:00", "05 13:00", "05 14:00"]
    daemon.turn()
    assert len(instance.get_runs()) == 7


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_an_edited_expression_starts_from_now(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(HOURLY)
    daemon = Daemon(instance, code, clock)
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    daemon.turn(hours=1)
    code.jobs = [msgspec.structs.replace(HOURLY, cron_schedule="*/10 * * * *")]
    edited = Daemon(instance, code, clock)
    edited.turn(minutes=35)
    edited.turn()
    assert code.asked == ["hourly 01 13:00"]
    edited.turn(minutes=5)
    assert code.asked == ["hourly 01 13:00", "hourly 01 13:40"]
    [state] = instance.all_stored_job_state()
    data = state.job_specific_data
    assert isinstance(data, ScheduleJobData)
    assert (data.cron_schedule, data.last_timestamp) == ("*/10 * * * *", clock())


ENDS: dict[str, tuple[Exception, str]] = {
    "raises": (
        DagsterUserCodeProcessError("The code, asked for schedule 'bad', raised: no such table", [ORIGINAL]),
        "no such table",
    ),
    "hangs": (CodeDeadlineExceededError("Schedule 'bad' took longer than 60 s."), "took longer than 60 s"),
    "is killed": (CodeProcessCrashedError("The process was killed by SIGKILL.", -9), "killed by SIGKILL"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_an_evaluation_that_gives_no_answer_is_a_failed_tick(end: str, instance: DagsterInstance, clock: Clock) -> None:
    error, said = ENDS[end]
    code = Code(msgspec.structs.replace(HOURLY, name="bad"), HOURLY)

    def fail(question: Any) -> Any:
        raise error

    code.answers["bad"] = fail
    daemon = Daemon(instance, code, clock)
    for name in ("bad", "hourly"):
        instance.start_schedule_and_update_storage_state(code.schedule(name))
    daemon.turn(hours=1)
    [tick] = instance.get_job_ticks(code.schedule("bad").get_external_origin_id())
    assert tick.status is JobTickStatus.FAILURE
    assert tick.error is not None
    assert said in tick.error.message
    assert end != "raises" or "line 7" in tick.error.to_string()
    assert ticks_of(instance, code, "hourly") == [("01 13:00", "SUCCESS")]
    daemon.turn(hours=1)
    assert ticks_of(instance, code, "bad") == [("01 13:00", "FAILURE"), ("01 14:00", "FAILURE")]


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_evaluations_that_hang_delay_no_other(instance: DagsterInstance, clock: Clock) -> None:
    hanging = [msgspec.structs.replace(HOURLY, name=f"hangs_{number}") for number in range(10)]
    code, let_go = Code(*hanging, HOURLY), threading.Event()
    for each in hanging:
        code.answers[each.name] = lambda question: let_go.wait(60) and Evaluation()
    daemon = Daemon(instance, code, clock, at_most=11)
    for each in (*hanging, HOURLY):
        instance.start_schedule_and_update_storage_state(code.schedule(each.name))
    clock.go_on(hours=1)
    daemon.role.turn(None)
    until(lambda: ticks_of(instance, code, "hourly") == [("01 13:00", "SUCCESS")])
    clock.go_on(hours=1)
    assert daemon.role.turn(None) <= 1
    until(lambda: len(instance.get_runs()) == 2)
    assert len(daemon.role.flights) >= 10
    assert len(instance.schedules.get_started_ticks()) >= 10
    let_go.set()
    assert daemon.role.flights.wait()
    assert ticks_of(instance, code, "hangs_3") == [("01 13:00", "SKIPPED")]
    daemon.turn()
    assert ticks_of(instance, code, "hangs_3") == [("01 13:00", "SKIPPED"), ("01 14:00", "SKIPPED")]


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_code_that_is_away_is_waited_for(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(HOURLY)
    daemon = Daemon(instance, code, clock)
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    daemon.turn()
    code.is_away = DagsterUserCodeUnreachableError("Nobody answers at port 4000.")
    daemon.turn(hours=1)
    daemon.turn(seconds=1)
    assert ticks_of(instance, code, "hourly") == [("01 13:00", "STARTED")]
    code.is_away = None
    daemon.turn(seconds=1)
    assert code.asked == []
    daemon.turn(seconds=5)
    assert ticks_of(instance, code, "hourly") == [("01 13:00", "SUCCESS")]
    assert code.asked == ["hourly 01 13:00"]


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_what_a_schedule_asks_for_is_what_it_gets(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(msgspec.structs.replace(HOURLY, mode="dry", solid_selection=("load*",)))
    answers = iter([
        Evaluation((RunRequest("a"), RunRequest("a"), RunRequest())),
        Evaluation(),
        Evaluation(skip_message="It is a holiday."),
        Evaluation((RunRequest(job_name="nothing"),)),
    ])  # fmt: skip
    code.answers["hourly"] = lambda question: next(answers)
    daemon = Daemon(instance, code, clock)
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    for _ in range(4):
        daemon.turn(hours=1)
    ticks = instance.get_job_ticks(code.schedule("hourly").get_external_origin_id())
    assert [status for _, status in told(ticks)] == ["SUCCESS", "SKIPPED", "SKIPPED", "FAILURE"]
    assert [len(tick.run_ids) for tick in ticks] == [0, 0, 0, 3]
    assert ticks[1].skip_reason == "It is a holiday."
    assert ticks[0].error is not None
    assert "has no pipeline 'nothing'" in ticks[0].error.message
    assert {(run.mode, tuple(run.solid_selection or ())) for run in instance.get_runs()} == {("dry", ("load*",))}


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_a_run_that_cannot_be_submitted_fails_the_tick_and_stops_no_other(
    instance: DagsterInstance, clock: Clock
) -> None:
    code = Code(HOURLY)
    code.answers["hourly"] = lambda question: Evaluation((RunRequest("a"), RunRequest("b")))
    submit = instance.submit_run
    refused: list[str] = []

    def refuse_first(run_id: str, pipeline: Any) -> Any:
        if not refused:
            refused.append(run_id)
            raise OSError("no process can be started")
        return submit(run_id, pipeline)

    instance.submit_run = refuse_first  # type: ignore[method-assign]  # what a launcher may do
    daemon = Daemon(instance, code, clock)
    instance.start_schedule_and_update_storage_state(code.schedule("hourly"))
    daemon.turn(hours=1)
    [tick] = instance.get_job_ticks(code.schedule("hourly").get_external_origin_id())
    assert tick.status is JobTickStatus.FAILURE
    assert tick.error is not None
    assert "no process can be started" in tick.error.message
    assert [run.status.value for run in instance.get_runs()] == ["QUEUED", "NOT_STARTED"]


def test_of_two_daemons_one_starts_what_is_due(instance: DagsterInstance, clock: Clock) -> None:
    snapshots = [msgspec.structs.replace(HOURLY, name=f"hourly_{number}") for number in range(12)]
    code = Code(*snapshots)
    daemons = [Daemon(instance, code, clock), Daemon(instance, code, Clock())]
    instance.schedules.now = clock  # type: ignore[method-assign]
    for each in snapshots:
        instance.start_schedule_and_update_storage_state(code.schedule(each.name))
    for daemon in daemons:
        daemon.turn()
    daemons[1].clock.go_on(seconds=60)  # it is fast
    for _ in range(3):
        for daemon in daemons:
            daemon.clock.go_on(hours=1)
        threads = [threading.Thread(target=daemon.role.turn, args=[None]) for daemon in daemons]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for daemon in daemons:
            assert daemon.role.flights.wait()
            daemon.turn()
    for each in snapshots:
        assert ticks_of(instance, code, each.name) == [(f"01 {hour}:00", "SUCCESS") for hour in (13, 14, 15)]
    assert len(instance.get_runs()) == 36
    assert {run.status for run in instance.get_runs()} == {PipelineRunStatus.QUEUED}


@pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
def test_the_states_follow_what_a_repository_defines(instance: DagsterInstance, clock: Clock) -> None:
    other = msgspec.structs.replace(HOURLY, name="other")
    code = Code(HOURLY, other)
    Daemon(instance, code, clock)
    instance.reconcile_scheduler_state(code.repository)
    assert {state.job_name: state.status for state in instance.all_stored_job_state()} == {
        "hourly": JobStatus.STOPPED,
        "other": JobStatus.STOPPED,
    }
    instance.start_schedule_and_update_storage_state(code.schedule("other"))
    code.jobs = [msgspec.structs.replace(HOURLY, cron_schedule="5 * * * *"), other]
    clock.go_on(hours=3)
    instance.reconcile_scheduler_state(code.repository)
    [hourly, still] = instance.all_stored_job_state()
    assert (hourly.status, still.status) == (JobStatus.STOPPED, JobStatus.RUNNING)
    assert isinstance(hourly.job_specific_data, ScheduleJobData)
    assert hourly.job_specific_data.cron_schedule == "5 * * * *"
    assert isinstance(still.job_specific_data, ScheduleJobData)
    assert still.job_specific_data.start_timestamp == clock() - 3 * 3600
    debug = instance.scheduler_debug_info()
    assert debug.errors == ()
    assert "cloudstore daemon run" in debug.scheduler_info
    code.jobs = [other]
    instance.reconcile_scheduler_state(code.repository)
    assert [state.job_name for state in instance.all_stored_job_state()] == ["other"]
    instance.wipe_all_schedules()
    assert instance.all_stored_job_state() == []


def test_the_last_instants_of_a_long_time_are_found_at_once() -> None:
    after, until = datetime(1990, 1, 1, tzinfo=UTC), datetime(2021, 5, 1, 12, 0, 30, tzinfo=UTC)
    found = latest_due_times("* * * * *", UTC, after, until, 2)
    assert [f"{each:%H:%M}" for each in found] == ["11:59", "12:00"]
    assert [each.year for each in latest_due_times("0 0 29 2 *", UTC, after, until, 3)] == [2012, 2016, 2020]
    assert latest_due_times("0 0 29 2 *", UTC, datetime(2020, 3, 1, tzinfo=UTC), until, 3) == []
