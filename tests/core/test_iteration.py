"""Runs that go on while their events are iterated, and end where the iterator is closed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterEvent,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterRunNotFoundError,
    ModeDefinition,
    PipelineDefinition,
    PipelineRunStatus,
    RetryRequested,
    SolidExecutionContext,
    execute_pipeline,
    execute_pipeline_iterator,
    fs_io_manager,
    lambda_solid,
    pipeline,
    reexecute_pipeline_iterator,
    resource,
    solid,
    versioned_filesystem_io_manager,
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def types_of(events: Any) -> list[tuple[str, str | None]]:
    return [(event.event_type_value, event.step_key) for event in events]


def stored(instance: DagsterInstance, run_id: str) -> list[DagsterEvent]:
    return [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None]


class Journal:
    """A pipeline that writes down what happens."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        lines = self.lines

        @resource
        def opened() -> Iterator[str]:
            lines.append("opened")
            yield "open"
            lines.append("closed")

        @solid(required_resource_keys={"opened"})
        def first(context: SolidExecutionContext) -> int:
            lines.append("first")
            print("of first")
            return 1

        @solid
        def second(x: int) -> int:
            lines.append("second")
            return x + 1

        resources = {"opened": opened, "io_manager": fs_io_manager}

        @pipeline(mode_defs=[ModeDefinition(resource_defs=resources)])
        def journaled() -> None:
            second(first())

        self.pipeline: PipelineDefinition = journaled


def test_the_events_are_those_of_a_run(instance: DagsterInstance) -> None:
    journal = Journal()
    events = list(execute_pipeline_iterator(journal.pipeline, instance=instance))
    [run] = instance.get_runs()
    assert events == stored(instance, run.run_id)
    assert run.status is PipelineRunStatus.SUCCESS
    by_call = execute_pipeline(journal.pipeline, instance=instance)
    assert types_of(events) == types_of(by_call.event_list)


def test_the_run_goes_on_when_the_next_event_is_asked_for(instance: DagsterInstance) -> None:
    journal = Journal()
    for event in execute_pipeline_iterator(journal.pipeline, instance=instance):
        journal.lines.append(f"{event.event_type_value} {event.step_key or ''}".rstrip())
    told = [line for line in journal.lines if not line.startswith(("LO", "STEP_IN", "STEP_OUT", "HANDLED"))]
    assert told == [
        "opened",
        "PIPELINE_START",
        *("STEP_START first", "first", "STEP_SUCCESS first"),
        *("STEP_START second", "second", "STEP_SUCCESS second"),
        "closed",
        "PIPELINE_SUCCESS",
    ]


def test_wherever_it_is_closed_the_run_has_ended_and_nothing_is_left(instance: DagsterInstance) -> None:
    count = len(list(execute_pipeline_iterator(Journal().pipeline, instance=instance)))
    statuses: list[PipelineRunStatus] = []
    for taken in range(1, count + 1):
        journal = Journal()
        events = execute_pipeline_iterator(journal.pipeline, instance=instance)
        got = list(islice(events, taken))
        executed = [line for line in journal.lines if line in ("first", "second")]
        events.close()
        assert journal.lines.count("opened") == journal.lines.count("closed") == 1
        assert [line for line in journal.lines if line in ("first", "second")] == executed, "no step was begun after it"
        run = instance.get_runs(limit=1)[0]
        log = stored(instance, run.run_id)
        assert log[: len(got)] == got
        assert log[-1].event_type_value == f"PIPELINE_{'SUCCESS' if taken == count else 'CANCELED'}"
        started = {event.step_key for event in log if event.is_step_start}
        ended = {event.step_key for event in log if event.is_step_success or event.is_step_failure}
        assert started == ended
        statuses.append(run.status)
    assert statuses == [PipelineRunStatus.CANCELED] * (count - 1) + [PipelineRunStatus.SUCCESS]
    assert "its caller, who has closed the iterator" in str(stored(instance, instance.get_runs()[1].run_id)[-1].message)


def test_one_that_is_dropped_is_closed_and_one_never_begun_leaves_no_run(instance: DagsterInstance) -> None:
    journal = Journal()
    events = execute_pipeline_iterator(journal.pipeline, instance=instance)
    del events
    assert (journal.lines, instance.get_runs()) == ([], [])
    for _ in execute_pipeline_iterator(journal.pipeline, instance=instance):
        break
    assert journal.lines == ["opened", "closed"]
    assert [run.status for run in instance.get_runs()] == [PipelineRunStatus.CANCELED]


def test_what_the_caller_raises_ends_the_run(instance: DagsterInstance) -> None:
    journal = Journal()

    def fail_after_a_step() -> None:
        with closing(execute_pipeline_iterator(journal.pipeline, instance=instance)) as events:
            for event in events:
                if event.is_step_success:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_a_step()
    assert journal.lines == ["opened", "first", "closed"]
    assert instance.get_runs()[0].status is PipelineRunStatus.CANCELED


def test_what_is_printed_between_events_is_in_no_log(instance: DagsterInstance, capfd: Any) -> None:
    for event in execute_pipeline_iterator(Journal().pipeline, instance=instance):
        print(f"caller at {event.event_type_value}")
    [run] = instance.get_runs()
    log = instance.compute_log_manager.read_logs_file(run.run_id, "first", _stdout()).data
    assert log == "of first\n"
    assert "caller at STEP_START" in capfd.readouterr().out


def _stdout() -> Any:
    from core.compute_logs.names import ComputeIOType

    return ComputeIOType.STDOUT


def test_failures_are_told_and_not_raised(instance: DagsterInstance) -> None:
    attempts: list[int] = []

    @solid
    def flaky() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise RetryRequested
        raise ValueError("no")

    @pipeline
    def failing() -> None:
        flaky()

    events = list(execute_pipeline_iterator(failing, instance=instance))
    names = [event.event_type_value for event in events]
    assert [name for name in names if name.startswith(("STEP", "PIPELINE"))] == [
        "PIPELINE_START",
        *("STEP_START", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_FAILURE"),
        "PIPELINE_FAILURE",
    ]
    assert events[-1].is_pipeline_failure
    assert instance.get_runs()[0].status is PipelineRunStatus.FAILURE

    @resource
    def broken() -> None:
        raise OSError("no route")

    use = solid("use", required_resource_keys={"broken"})(lambda context: None)
    used = PipelineDefinition([use], "using", mode_defs=[ModeDefinition(resource_defs={"broken": broken})])
    assert [event.event_type_value for event in execute_pipeline_iterator(used)] == [
        "PIPELINE_START",
        "PIPELINE_FAILURE",
    ]


def test_an_interrupt_is_raised_and_cancels_the_run(instance: DagsterInstance) -> None:
    @lambda_solid
    def interrupted() -> None:
        raise KeyboardInterrupt

    used = PipelineDefinition([interrupted], "interrupting")
    with pytest.raises(KeyboardInterrupt):
        list(execute_pipeline_iterator(used, instance=instance))
    assert instance.get_runs()[0].status is PipelineRunStatus.CANCELED


CALLER = """
import sys
from core import DagsterInstance, execute_pipeline_iterator, lambda_solid, pipeline

@lambda_solid
def first():
    return 1

@lambda_solid
def second(x):
    print("second", flush=True)

@pipeline
def called():
    second(first())

with DagsterInstance.local_temp(sys.argv[1]) as instance:
    for event in execute_pipeline_iterator(called, instance=instance):
        if event.is_step_success:
            print("waits", flush=True)
            sys.stdin.readline()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_between_events_cancels_the_run(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CALLER, str(tmp_path / "home")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == "waits\n"
        caller.send_signal(number)
        assert caller.stdout.read() == "", "the second step is not executed"
    assert caller.returncode in (128 + number, -number)
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        assert [run.status for run in instance.get_runs()] == [PipelineRunStatus.CANCELED]


def test_what_does_not_fit_is_raised_by_the_call(instance: DagsterInstance) -> None:
    journal = Journal()
    with pytest.raises(DagsterInvalidConfigError, match="solidz"):
        execute_pipeline_iterator(journal.pipeline, {"solidz": {}}, instance=instance)
    with pytest.raises(DagsterInvariantViolationError, match="unknown mode 'other'"):
        execute_pipeline_iterator(journal.pipeline, mode="other")
    with pytest.raises(
        DagsterInvariantViolationError, match=r"reexecute_pipeline_iterator\(\.\.\., instance=instance\)"
    ):
        reexecute_pipeline_iterator(journal.pipeline, "1")
    with pytest.raises(DagsterRunNotFoundError):
        reexecute_pipeline_iterator(journal.pipeline, "1", instance=instance)
    assert instance.get_runs() == []


def test_two_runs_may_be_iterated_in_turns(instance: DagsterInstance) -> None:
    journals = [Journal(), Journal()]
    runs = [execute_pipeline_iterator(each.pipeline, instance=instance) for each in journals]
    pairs = list(zip(*runs, strict=True))
    assert pairs[-1][0].event_type_value == pairs[-1][1].event_type_value == "PIPELINE_SUCCESS"
    assert [each.lines for each in journals] == [["opened", "first", "second", "closed"]] * 2


def test_an_earlier_run_is_executed_again(instance: DagsterInstance) -> None:
    journal = Journal()
    parent = execute_pipeline(journal.pipeline, instance=instance)
    journal.lines.clear()
    again = reexecute_pipeline_iterator(journal.pipeline, parent.run_id, step_selection=["second"], instance=instance)
    assert [event.step_key for event in again if event.is_step_success] == ["second"]
    assert journal.lines == ["second"]
    assert instance.get_runs()[0].parent_run_id == parent.run_id


def test_a_memoized_run_tells_what_was_found(instance: DagsterInstance) -> None:
    one = solid("one", version="1")(lambda: 1)
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    used = PipelineDefinition([one], "memoizing", mode_defs=[mode])
    for expected in ("STEP_SUCCESS", "STEP_MEMOIZED"):
        events = execute_pipeline_iterator(used, instance=instance, memoize=True)
        assert (expected, "one") in types_of(events)
