"""The role that asks sensors whether there is something to run."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from core.code_servers import Workspace
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.sensors import SensorRole
from core.errors import CodeDeadlineExceededError, DagsterUserCodeProcessError, DagsterUserCodeUnreachableError
from core.instance import DagsterInstance
from core.records.job import JobStatus, JobTickStatus, SensorJobData
from core.records.pipeline_run import PipelineRunStatus
from core.records.snapshots import SensorSnapshot
from core.schedules.requests import Evaluation, RunRequest
from core.serdes import SerializableErrorInfo
from tests.core.daemon.roles.code import Clock, Code, until

FILES = SensorSnapshot("files", ("orders",), minimum_interval_seconds=30)
OTHER = SensorSnapshot("other", ("orders",), minimum_interval_seconds=5)
IN_MEMORY = pytest.mark.parametrize("kind", ["in_memory"], indirect=True)


class Daemon:
    """A role with its clock."""

    def __init__(self, instance: DagsterInstance, code: Code, clock: Clock) -> None:
        self.clock = clock
        self.role = SensorRole(instance, KnownCode(Workspace([code])), clock)

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


def asks_for(*keys: str | None, cursor: str | None = None) -> Any:
    return lambda question: Evaluation(tuple(RunRequest(key, {"file": key}) for key in keys), None, cursor)


def ticks_of(instance: DagsterInstance, code: Code, name: str) -> list[Any]:
    return instance.get_job_ticks(code.sensor(name).get_external_origin_id())[::-1]


def test_a_run_is_submitted_for_each_new_key(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(FILES)
    daemon = Daemon(instance, code, clock)
    code.answers["files"] = asks_for("a", "b", "a", cursor="b")
    daemon.turn()
    assert code.asked == []
    instance.start_sensor(code.sensor("files"))
    daemon.turn()
    assert [run.run_config["file"] for run in instance.get_runs()] == ["b", "a"]
    assert {run.status for run in instance.get_runs()} == {PipelineRunStatus.QUEUED}
    [state] = instance.all_stored_job_state()
    assert state.job_specific_data == SensorJobData(clock(), "a", "b", 30)
    code.answers["files"] = asks_for("b", "c", None, cursor="c")
    assert daemon.turn(seconds=29) == pytest.approx(1)
    daemon.turn(seconds=1)
    assert [run.run_config["file"] for run in instance.get_runs(limit=2)] == [None, "c"]
    code.answers["files"] = asks_for("b", "c", cursor="d")
    daemon.turn(seconds=30)
    ticks = ticks_of(instance, code, "files")
    assert [tick.status.value for tick in ticks] == ["SUCCESS", "SUCCESS", "SKIPPED"]
    assert ticks[2].skip_reason == "Each run it asks for was asked for before, by these keys: b, c."
    assert [tick.run_keys for tick in ticks] == [["a", "b"], ["c"], []]
    assert [tick.job_tick_data.cursor for tick in ticks] == ["b", "c", "d"]
    instance.run_storage.wipe()
    daemon.turn(seconds=30)
    assert instance.get_runs() == []


@IN_MEMORY
def test_a_sensor_is_told_how_far_it_had_looked(instance: DagsterInstance, clock: Clock) -> None:
    code, questions = Code(FILES), []

    def answer(question: Any) -> Evaluation:
        questions.append(question)
        return Evaluation((RunRequest("k"),), None, f"{question.cursor or ''}x")

    code.answers["files"] = answer
    daemon = Daemon(instance, code, clock)
    instance.start_sensor(code.sensor("files"))
    daemon.turn()
    daemon.turn(seconds=30)
    instance.stop_sensor(code.sensor("files").get_external_origin_id())
    daemon.turn(seconds=300)
    instance.start_sensor(code.sensor("files"))
    daemon.turn()
    assert [(each.cursor, each.last_run_key) for each in questions] == [(None, None), ("x", "k"), ("xx", "k")]
    assert questions[2].last_completion_time == clock() - 300


@IN_MEMORY
@pytest.mark.parametrize(
    "error",
    [
        DagsterUserCodeProcessError(
            "The code, asked for sensor 'files', raised.", [SerializableErrorInfo("E: bucket\n", ("line 7\n",))]
        ),
        CodeDeadlineExceededError("Sensor 'files' took longer than 60 s."),
    ],
    ids=["raises", "hangs"],
)
def test_an_evaluation_without_an_answer_is_a_failed_tick_and_moves_no_cursor(
    error: Exception, instance: DagsterInstance, clock: Clock
) -> None:
    code = Code(FILES, OTHER)
    code.answers["other"] = asks_for("o")

    def fail(question: Any) -> Any:
        raise error

    code.answers["files"] = asks_for(cursor="a")
    daemon = Daemon(instance, code, clock)
    for name in ("files", "other"):
        instance.start_sensor(code.sensor(name))
    daemon.turn()
    code.answers["files"] = fail
    daemon.turn(seconds=30)
    code.answers["files"] = asks_for("x", cursor="b")
    daemon.turn(seconds=29)
    assert [tick.status.value for tick in ticks_of(instance, code, "files")] == ["SKIPPED", "FAILURE"]
    [state, _] = instance.all_stored_job_state()
    assert isinstance(state.job_specific_data, SensorJobData)
    assert state.job_specific_data.cursor == "a"
    daemon.turn(seconds=1)
    assert [tick.status.value for tick in ticks_of(instance, code, "files")] == ["SKIPPED", "FAILURE", "SUCCESS"]
    assert len(ticks_of(instance, code, "other")) == 3


@IN_MEMORY
def test_a_sensor_that_hangs_delays_no_other_and_code_that_is_away_is_asked_again(
    instance: DagsterInstance, clock: Clock
) -> None:
    code, let_go = Code(FILES, OTHER), threading.Event()
    code.answers["files"] = lambda question: let_go.wait(60) and Evaluation()
    code.answers["other"] = asks_for("o")
    daemon = Daemon(instance, code, clock)
    for name in ("files", "other"):
        instance.start_sensor(code.sensor(name))
    for number in range(1, 4):
        daemon.role.turn(None)
        until(lambda number=number: len(ticks_of(instance, code, "other")) == number)  # type: ignore[misc]
        clock.go_on(seconds=5)
    let_go.set()
    assert daemon.role.flights.wait()
    code.is_away = DagsterUserCodeUnreachableError("Nobody answers.")
    daemon.turn(seconds=30)
    assert len(ticks_of(instance, code, "other")) == 3
    code.is_away = None
    daemon.turn()
    assert len(ticks_of(instance, code, "other")) == 4


@IN_MEMORY
def test_what_a_person_did_meanwhile_stays(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(FILES)
    origin_id = code.sensor("files").get_external_origin_id()

    def is_turned_off(question: Any) -> Evaluation:
        instance.stop_sensor(origin_id)
        return Evaluation((RunRequest("a"),), None, "a")

    code.answers["files"] = is_turned_off
    daemon = Daemon(instance, code, clock)
    instance.start_sensor(code.sensor("files"))
    daemon.turn()
    [state] = instance.all_stored_job_state()
    assert (state.status, instance.get_runs()) == (JobStatus.STOPPED, [])
    assert isinstance(state.job_specific_data, SensorJobData)
    assert state.job_specific_data.cursor is None


def test_of_two_daemons_one_gets_the_answer(instance: DagsterInstance, clock: Clock) -> None:
    sensors = [SensorSnapshot(f"s{number}", ("orders",), minimum_interval_seconds=30) for number in range(8)]
    code = Code(*sensors)
    for each in sensors:
        code.answers[each.name] = lambda question: Evaluation((RunRequest(None),), None, "x")
        instance.start_sensor(code.sensor(each.name))
    daemons = [Daemon(instance, code, clock), Daemon(instance, code, clock)]
    for daemon in daemons:
        daemon.role._code.refresh()
    threads = [threading.Thread(target=daemon.turn) for daemon in daemons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(instance.get_runs()) == 8


@IN_MEMORY
def test_old_ticks_that_say_that_there_was_nothing_go(instance: DagsterInstance, clock: Clock) -> None:
    code = Code(FILES)
    code.answers["files"] = asks_for()
    daemon = Daemon(instance, code, clock)
    instance.start_sensor(code.sensor("files"))
    for _ in range(3):
        daemon.turn(days=4)
    assert [tick.status for tick in ticks_of(instance, code, "files")] == [JobTickStatus.SKIPPED] * 2
