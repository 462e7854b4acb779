"""Signals that ask a run to stop, sent to real processes: it is canceled, and all of it is put away."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineRunStatus,
    RetryPolicy,
    RetryRequested,
    execute_pipeline,
    failure_hook,
    pipeline,
    resource,
    solid,
    success_hook,
)
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterTerminatedError

Tell = Callable[[str], None]
Start = Callable[[Callable[[Tell], None]], Any]
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP, "SIGINT": signal.SIGINT}


def wait(tell: Tell, place: str) -> None:
    """Waits for the signal that the test sends when it reads this."""
    tell(f"waits in {place}")
    time.sleep(60)


def _waiting_pipeline(place: str, tell: Tell) -> Any:
    def here(name: str) -> None:
        if name in place.split(" and "):
            wait(tell, name)

    @resource
    def outer(_context: Any) -> Iterator[str]:
        yield "outer"
        tell("outer put away")

    @resource(required_resource_keys={"outer"})
    def inner(_context: Any) -> Iterator[str]:
        here("resource")
        try:
            yield "inner"
        finally:
            tell("inner is being put away")
            here("teardown")

    policy = RetryPolicy(delay=60) if place == "retry by policy" else None

    @failure_hook
    def tells(_context: Any) -> None:
        tell("a hook")

    @success_hook
    def waits_too(_context: Any) -> None:
        here("hook")

    @solid(required_resource_keys={"inner"}, output_defs=[OutputDefinition(int)], retry_policy=policy)
    def waits(_context: Any) -> Iterator[Output]:
        print("before")
        here("solid")
        if place == "subprocess":
            wait_for_a_child(tell)
        if place == "retry by policy":
            raise ValueError
        if place == "retry" or place == "swallowed":
            try:
                here("swallowed")
            except BaseException as error:
                tell(f"swallowed {type(error).__name__}")
            else:
                raise RetryRequested(seconds_to_wait=60)
        try:
            yield Output(1)
        finally:
            tell("generator closed")
            here("generator")

    @solid
    def never(value: int) -> int:
        tell("a step more")
        return value

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"outer": outer, "inner": inner})])
    def waiting() -> None:
        never(waits.with_hooks({tells, waits_too})())

    return waiting


def wait_for_a_child(tell: Tell) -> None:
    shell = "echo $$ >&3; sleep 60; echo done >&3"
    reading, writing = os.pipe()
    os.dup2(writing, 3, inheritable=True)
    started = threading.Thread(target=lambda: tell(f"child {os.read(reading, 100).decode().strip()}"), daemon=True)
    started.start()
    with subprocess.Popen(["sh", "-c", shell], close_fds=False) as child:
        started.join()
        tell("waits in subprocess")
        child.wait()


def _executed(home: str, place: str, before: Callable[[], object] = lambda: None) -> Callable[[Tell], None]:
    def work(tell: Tell) -> None:
        for number in SIGNALS.values():  # whatever the tests' own process does with them
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        before()

        def on_event(event: Any) -> None:
            if event.event_type_value == "STEP_UP_FOR_RETRY" and place.startswith("retry"):
                tell(f"waits in {place}")
            if event.event_type_value == "STEP_SUCCESS" and place == "between steps":
                wait(tell, place)

        with DagsterInstance.local_temp(home) as instance:
            try:
                execute_pipeline(
                    _waiting_pipeline(place, tell), instance=instance, raise_on_error=False, on_event=on_event
                )
            finally:
                tell("handlers: " + " ".join(str(signal.getsignal(each)) for each in SIGNALS.values()))

    return work


FORKS = 100
ENDS_WITHIN_SECONDS = 30  # the step's own processes sleep for longer
CODES = {"SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130}


def _status_in(home: str) -> list[PipelineRunStatus]:
    with DagsterInstance.local_temp(home) as instance:
        return [run.status for run in instance.get_runs()]


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize(
    "place",
    ["resource", "solid", "generator", "hook", "between steps", "retry", "retry by policy", "subprocess", "teardown"],
)
def test_a_signal_cancels_the_run_and_puts_everything_away(
    place: str, name: str, tmp_path: Path, start_program: Start
) -> None:
    home = str(tmp_path / "home")
    program = start_program(_executed(home, place))
    program.read_until(f"waits in {place}")
    os.kill(program.pid, SIGNALS[name])
    assert program.end() == CODES[name]
    assert program.told["outer put away"] == 1
    assert program.told["inner is being put away"] == (place != "resource")
    assert program.told["a step more"] == (place in ("teardown",))
    assert program.told["a hook"] == 0
    assert _status_in(home) == ([] if place == "resource" else [PipelineRunStatus.CANCELED])
    default = f"{signal.SIG_DFL} {signal.SIG_DFL} {signal.default_int_handler}"
    assert program.told[f"handlers: {default}"] == 1
    if place == "solid":
        with DagsterInstance.local_temp(home) as instance:
            [run] = instance.get_runs()
            logs = instance.compute_log_manager
            assert logs.is_watch_completed(run.run_id, "waits")
            assert logs.read_logs_file(run.run_id, "waits", ComputeIOType.STDOUT).data == "before\n"
            ends = [each.dagster_event for each in instance.all_logs(run.run_id) if each.dagster_event][-2:]
            what = "KeyboardInterrupt" if name == "SIGINT" else name
            assert [end.message for end in ends if end] == [
                f"Step 'waits' was ended by {what}.",
                f"The run was ended by {what}.",
            ]


@pytest.mark.parametrize("number", SIGNALS.values(), ids=SIGNALS)
def test_a_signal_while_the_log_begins_does_not_cost_the_log(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        storage, sent = instance.event_log_storage, []
        store_events = storage.store_claimed_events

        def send_and_store(*given: Any) -> None:
            if not sent:
                sent.append(number)
                signal.raise_signal(number)
            store_events(*given)

        monkeypatch.setattr(storage, "store_claimed_events", send_and_store)
        before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises((KeyboardInterrupt, DagsterTerminatedError)):
                execute_pipeline(_waiting_pipeline("nowhere", lambda _: None), instance=instance)
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        assert sent == [number]
        (run,) = instance.get_runs()
        assert run.status == PipelineRunStatus.CANCELED
        told = [entry.dagster_event.event_type_value for entry in instance.all_logs(run.run_id) if entry.dagster_event]
        assert told == ["PIPELINE_START", "PIPELINE_CANCELED"]


def test_what_a_step_has_started_ends_with_it(tmp_path: Path, start_program: Start) -> None:
    program = start_program(_executed(str(tmp_path / "home"), "subprocess"))
    program.read_until("waits in subprocess")
    [child] = [int(text.removeprefix("child ")) for text in program.told if text.startswith("child ")]
    while not (started := Path(f"/proc/{child}/task/{child}/children").read_text().split()):
        pass  # the shell is about to start it
    [of_shell] = map(int, started)
    held = [os.pidfd_open(pid) for pid in (child, of_shell)]
    os.kill(program.pid, signal.SIGTERM)
    assert program.end() == 143
    for descriptor in held:  # readable when its process has ended
        assert select.select([descriptor], [], [], ENDS_WITHIN_SECONDS)[0]
        os.close(descriptor)


@pytest.mark.parametrize("name", SIGNALS)
def test_a_second_signal_ends_a_teardown_that_hangs_and_the_run_is_canceled(
    name: str, tmp_path: Path, start_program: Start
) -> None:
    home = str(tmp_path / "home")
    program = start_program(_executed(home, "solid and teardown"))
    program.read_until("waits in solid")
    os.kill(program.pid, SIGNALS[name])
    program.read_until("waits in teardown")
    os.kill(program.pid, SIGNALS[name])
    assert program.end() == CODES[name]
    assert program.told["outer put away"] == 1
    assert _status_in(home) == [PipelineRunStatus.CANCELED]


def test_a_signal_waits_while_the_end_of_a_run_is_recorded(tmp_path: Path, start_program: Start) -> None:
    home = str(tmp_path / "home")

    def work(tell: Tell) -> None:
        for number in SIGNALS.values():
            signal.signal(number, signal.SIG_DFL)

        def on_event(event: Any) -> None:
            if event.event_type_value == "PIPELINE_SUCCESS":
                os.kill(os.getpid(), signal.SIGTERM)
                tell("the signal waits")

        with DagsterInstance.local_temp(home) as instance:
            execute_pipeline(_waiting_pipeline("", tell), instance=instance, on_event=on_event)

    program = start_program(work)
    assert program.end() == 143
    assert program.told["the signal waits"] == 1
    assert _status_in(home) == [PipelineRunStatus.SUCCESS]


def test_a_step_that_drops_the_exception_is_the_last_one(tmp_path: Path, start_program: Start) -> None:
    home = str(tmp_path / "home")
    program = start_program(_executed(home, "swallowed"))
    program.read_until("waits in swallowed")
    os.kill(program.pid, signal.SIGTERM)
    assert program.end() == 143
    assert program.told["swallowed DagsterTerminatedError"] == 1
    assert not program.told["a step more"]
    assert program.told["outer put away"] == 1
    assert _status_in(home) == [PipelineRunStatus.CANCELED]


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path, start_program: Start) -> None:
    home = str(tmp_path / "home")
    program = start_program(_executed(home, "solid", lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)))
    program.read_until("waits in solid")
    os.kill(program.pid, signal.SIGHUP)
    os.kill(program.pid, signal.SIGTERM)
    assert program.end() == 143
    assert program.told[f"handlers: {signal.SIG_DFL} {signal.SIG_IGN} {signal.default_int_handler}"] == 1


def test_a_handler_of_the_programs_own_decides(tmp_path: Path, start_program: Start) -> None:
    home = str(tmp_path / "home")

    def handler(_number: int, _frame: Any) -> None:
        raise SystemExit(7)

    program = start_program(_executed(home, "solid", lambda: signal.signal(signal.SIGTERM, handler)))
    program.read_until("waits in solid")
    os.kill(program.pid, signal.SIGTERM)
    assert program.end() == 7
    assert program.told["outer put away"] == 1
    assert program.told[f"handlers: {handler} {signal.SIG_DFL} {signal.default_int_handler}"] == 1
    assert _status_in(home) == [PipelineRunStatus.FAILURE]


def _end_many_children(tell: Tell) -> None:
    for _ in range(FORKS):
        child = os.fork()
        if child == 0:
            while True:
                signal.pause()
        os.kill(child, signal.SIGTERM)  # most often before the child has done anything
        descriptor = os.pidfd_open(child)
        if not select.select([descriptor], [], [], ENDS_WITHIN_SECONDS)[0]:
            tell("a child lives")
            os.kill(child, signal.SIGKILL)
        os.close(descriptor)
        tell(f"ended by {-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


def test_a_forked_child_is_ended_by_a_signal_that_comes_at_once(tmp_path: Path, start_program: Start) -> None:
    @solid
    def forks(_: Any) -> None:
        _end_many_children(tells[0])

    @pipeline
    def forking() -> None:
        forks()

    tells: list[Tell] = []

    def work(tell: Tell) -> None:
        tells.append(tell)
        for number in (signal.SIGTERM, signal.SIGHUP):  # whatever the tests' own process does with them
            signal.signal(number, signal.SIG_DFL)
        with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
            execute_pipeline(forking, instance=instance)

    program = start_program(work)
    assert program.end() == 0
    assert dict(program.told) == {f"ended by {signal.SIGTERM.value}": FORKS}


def test_a_run_in_another_thread_leaves_handlers_alone(tmp_path: Path) -> None:
    statuses: list[bool] = []
    before = [signal.getsignal(each) for each in SIGNALS.values()]

    def execute() -> None:
        with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
            statuses.append(execute_pipeline(_waiting_pipeline("", lambda _text: None), instance=instance).success)

    thread = threading.Thread(target=execute)
    thread.start()
    thread.join()
    assert statuses == [True]
    assert [signal.getsignal(each) for each in SIGNALS.values()] == before
