"""Runs that are told to end while their steps run in other processes."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.events.records import EventLogEntry
from core.records.pipeline_run import PipelineRun
from tests.core.executors.in_processes import Code, lives, program, wait_until_gone

STEPS = """
def at_hand():
    # From here on the step is as the test wants it to be when it is told to end.
    tell(f"pid {os.getpid()}")
    ready = os.open(FOLDER / "ready", os.O_WRONLY)
    os.write(ready, b".")
    os.close(ready)

def waits():
    at_hand()
    wait_for_ever()

def drops_the_interrupt():
    is_at_hand = False
    while True:
        try:
            if not is_at_hand:
                at_hand()
                is_at_hand = True
            wait_for_ever()
        except KeyboardInterrupt:
            tell("dropped")

def returns_at_the_interrupt():
    try:
        at_hand()
        wait_for_ever()
    except KeyboardInterrupt:
        return 1

def raises_at_the_interrupt():
    try:
        at_hand()
        wait_for_ever()
    except KeyboardInterrupt:
        raise ValueError("of the step")

def has_another_process():
    started = subprocess.Popen(["sh", "-c", "trap '' INT TERM; while :; do sleep 1000; done"])
    tell(f"pid {started.pid}")
    at_hand()
    started.wait()

def thread_goes_on():
    threading.Thread(target=wait_for_ever_in_thread).start()
    at_hand()

def wait_for_ever_in_thread():
    select.select([], [], [])

def step(code):
    return solid(name=code.__name__, retry_policy=RetryPolicy(max_retries=5))(lambda context: code())

CODES = [WHICH]

@failure_hook
def tell_failure(context):
    tell(f"hook {context.solid.name}")

@pipeline(mode_defs=[mode()], hook_defs={tell_failure})
def piped():
    begun = [step(code)() for code in CODES]
    solid(name="never_begins")(lambda context, value: tell("began"))(begun[0])
"""


def _ended(
    tmp_path: Path, codes: list[str], stop: Callable[[subprocess.Popen[str], Code], None], **config: float
) -> tuple[Code, subprocess.Popen[str], PipelineRun, list[EventLogEntry]]:
    """A run whose steps all wait when `stop` is called: how it ended."""
    code = Code(tmp_path, STEPS.replace("WHICH", ", ".join(codes)))
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDWR)
    with program(code, max_concurrent=len(codes), **config) as process:
        _wait_until(ready, len(codes))
        os.close(ready)
        stop(process, code)
        process.wait(timeout=60)
    with code.instance() as instance:
        (run,) = instance.get_runs()
        entries = instance.all_logs(run.run_id)
        for key in codes:
            assert instance.compute_log_manager.is_watch_completed(run.run_id, key)
    assert "began" not in code.told
    for line in code.told:
        if line.startswith("pid "):
            wait_until_gone(int(line.split()[1]))
    return code, process, run, entries


def _wait_until(ready: int, count: int) -> None:
    """Waits until so many processes have written a byte; fails the test after a minute."""
    while count:
        assert select.select([ready], [], [], 60)[0], "the steps do not begin"
        count -= len(os.read(ready, count))


def _failures(entries: list[EventLogEntry]) -> dict[str | None, str | None]:
    events = [each.dagster_event for each in entries if each.dagster_event]
    return {each.step_key: each.message for each in events if each.event_type_value == "STEP_FAILURE"}


MANY = ["waits", "returns_at_the_interrupt", "raises_at_the_interrupt", "has_another_process"]


def _ctrl_c(process: subprocess.Popen[str], code: Code) -> None:
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does


def _sigterm(process: subprocess.Popen[str], code: Code) -> None:
    process.terminate()


def _cancel(process: subprocess.Popen[str], code: Code) -> None:
    with code.instance() as instance:
        (run,) = instance.get_runs()
    command = [str(Path(sys.executable).parent / "cloudstore"), "runs", "cancel", run.run_id]
    environment = {**os.environ, "DAGSTER_HOME": str(code.home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("stop", "exit_code"),
    [(_ctrl_c, -signal.SIGINT), (_sigterm, 143), (_cancel, 143)],
    ids=["ctrl_c", "sigterm", "cancel"],
)
def test_what_cancels_a_run_interrupts_its_steps_and_kills_those_that_go_on(
    tmp_path: Path, stop: Callable[[subprocess.Popen[str], Code], None], exit_code: int
) -> None:
    codes = [*MANY, "drops_the_interrupt", "thread_goes_on"]
    code, process, run, entries = _ended(tmp_path, codes, stop, kill_after_seconds=0.5)
    assert (process.returncode, run.status.value) == (exit_code, "CANCELED")
    failures = _failures(entries)
    # The step whose thread goes on may or may not have ended by then.
    assert failures.keys() - {"thread_goes_on"} == {"waits", "has_another_process", "drops_the_interrupt"}
    assert failures["waits"] == "Step 'waits' was ended by KeyboardInterrupt."
    assert failures["drops_the_interrupt"] == "Step 'drops_the_interrupt' was ended by SIGKILL."
    assert "dropped" in code.told
    assert not [line for line in code.told if line.startswith("hook ")]
    last = [each.dagster_event.event_type_value for each in entries if each.dagster_event][-1]
    assert last == "PIPELINE_CANCELED"


def test_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    def stop(process: subprocess.Popen[str], code: Code) -> None:
        _ctrl_c(process, code)
        while "dropped" not in code.told:  # the step was told, and goes on
            assert process.poll() is None
            os.sched_yield()
        _ctrl_c(process, code)

    _code, process, run, entries = _ended(tmp_path, ["drops_the_interrupt"], stop, kill_after_seconds=1000)
    assert (process.returncode, run.status.value) == (-signal.SIGINT, "CANCELED")
    assert _failures(entries) == {"drops_the_interrupt": "Step 'drops_the_interrupt' was ended by SIGKILL."}


def test_an_interrupt_while_the_pipeline_is_loaded_does_not_wait_for_that(tmp_path: Path) -> None:
    loading = """
if times_before("load"):
    tell(f"pid {os.getpid()}")
    ready = os.open(FOLDER / "ready", os.O_WRONLY)
    os.write(ready, b".")
    os.close(ready)
    wait_for_ever()

@pipeline(mode_defs=[mode()])
def piped():
    solid(name="never_begins")(lambda context: tell("began"))()
"""
    code = Code(tmp_path, loading)
    os.mkfifo(tmp_path / "ready")
    ready = os.open(tmp_path / "ready", os.O_RDWR)
    with program(code, kill_after_seconds=1000) as process:
        _wait_until(ready, 1)
        os.close(ready)
        _ctrl_c(process, code)
        assert process.wait(timeout=60) == -signal.SIGINT
    with code.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status.value == "CANCELED"
        assert _failures(instance.all_logs(run.run_id)) == {}
    (pid,) = (int(line.split()[1]) for line in code.told if line.startswith("pid "))
    assert not lives(pid)
