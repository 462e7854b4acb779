"""The process of a step, the fork server, and the process of the run, killed at each moment at which something is told
or written while a step is executed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core import DagsterInstance
from core.events.records import DagsterEvent
from tests.core.executors.in_processes import Code, program, wait_until_gone

IS_FULL = "CLOUDSTORE_TEST_FAULTS" in os.environ

KILLING = """
import logging, pickle

WHAT, FIRST, STEP = WHICH

class Moments(logging.Handler):
    '''Counts what the step tells, and the changes to the disk that are made meanwhile.'''
    def __init__(self):
        super().__init__()
        self.count, self.at = 0, None

    def emit(self, record):
        if record.dagster_meta.get("step_key") == "is_killed" and os.getpid() != RUN:
            if self.at is None:
                self.at = FIRST + STEP * times_before("attempt")
            self.passed(record.dagster_meta["orig_message"])

    def hook(self, event, args):
        if event in ("os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate") or (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            if self.at is not None and "told" not in str(args[0]):
                self.passed(f"{event} {args[0]}")

    def passed(self, moment):
        self.count += 1
        if self.count == self.at:
            tell(f"killed at {self.at}: {moment}")
            tell(f"pid {os.getpid()}")
            if WHAT == "step":
                os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getppid() if WHAT == "server" else RUN, signal.SIGKILL)
            wait_for_ever()

RUN = int(os.environ.setdefault("PID_OF_RUN", str(os.getpid())))
moments = Moments()
if os.getpid() != RUN:
    sys.addaudithook(moments.hook)

@logger
def counting(init_context):
    made = logging.Logger("counting", logging.DEBUG)
    made.addHandler(moments)
    return made

@solid
def before(context):
    return "before"

@solid(retry_policy=RetryPolicy(max_retries=100))
def is_killed(context, value):
    for path in (FOLDER / "home").rglob("result"):
        assert pickle.loads(path.read_bytes())  # nothing that is half written has the name of a value
    print("printed by the step")
    yield AssetMaterialization("made")
    yield ExpectationResult(True)
    yield Output([value] * 1000)

@solid
def after(context, value):
    return len(value)

@pipeline(mode_defs=[mode(logger_defs={"counting": counting})])
def piped():
    after(is_killed(before()))
"""
LOGGING = {"loggers": {"counting": {}}}
WHOLE = [
    "LOGS_CAPTURED",
    "STEP_START",
    "LOADED_INPUT",
    "STEP_INPUT",
    "ASSET_MATERIALIZATION",
    "STEP_EXPECTATION_RESULT",
    "STEP_OUTPUT",
    "HANDLED_OUTPUT",
    "STEP_SUCCESS",
]


@pytest.fixture(autouse=True)
def pid_of_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PID_OF_RUN", str(os.getpid()))


def _attempts(events: list[DagsterEvent]) -> list[list[str]]:
    """The types of the events of each attempt at the step, without those of the engine."""
    attempts: list[list[str]] = []
    for event in events:
        if event.step_key != "is_killed":
            continue
        if (event.message or "").startswith("Launching subprocess"):
            attempts.append([])
        elif event.event_type_value != "ENGINE_EVENT":
            attempts[-1].append(event.event_type_value.replace("RESTARTED", "START"))
    return attempts


def _stored(instance: DagsterInstance, run_id: str) -> list[DagsterEvent]:
    return [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]


@pytest.mark.parametrize(
    ("what", "first", "step"), [("step", 1, 1), ("server", 1, 1 if IS_FULL else 6)], ids=["step", "server"]
)
def test_a_step_is_run_again_wherever_its_process_or_the_server_is_killed(
    tmp_path: Path, what: str, first: int, step: int
) -> None:
    code = Code(tmp_path, KILLING.replace("WHICH", repr((what, first, step))))
    with code.instance() as instance:
        result = code.execute(instance, raise_on_error=True, more_config=LOGGING)
        assert (result.success, result.output_for_solid("after")) == (True, 1000)
        attempts = _attempts(_stored(instance, result.run_id))
        logs = instance.compute_log_manager
        for number in range(1, len(attempts) + 1):
            assert logs.is_watch_completed(result.run_id, "is_killed", number)
    killed = [line for line in code.told if line.startswith("killed at")]
    assert len(killed) >= (12 if step == 1 else 3), killed
    for events in attempts[:-1]:
        assert events == [*WHOLE[: len(events) - 1], "STEP_UP_FOR_RETRY"]
    assert attempts[-1] == WHOLE
    for line in code.told:
        if line.startswith("pid "):
            wait_until_gone(int(line.split()[1]))


@pytest.mark.parametrize("moment", range(1, 30) if IS_FULL else (2, 9, 15, 19))
def test_no_step_survives_the_process_of_the_run(tmp_path: Path, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PID_OF_RUN")
    code = Code(tmp_path, KILLING.replace("WHICH", repr(("run", moment, 0))))
    with program(code, more_config=LOGGING) as process:
        if process.wait(timeout=60) == 0:
            assert not [line for line in code.told if line.startswith("killed at")]
            return  # there are not so many moments
        assert process.returncode == -signal.SIGKILL
    (pid,) = (int(line.split()[1]) for line in code.told if line.startswith("pid "))
    wait_until_gone(pid)
    with code.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status.value == "STARTED"
        for events in _attempts(_stored(instance, run.run_id)):  # none, where the last batch was not stored yet
            assert events == WHOLE[: len(events)]
        assert run.run_id in instance.running_runs.killed()
        instance.recover()
        assert instance.compute_log_manager.is_watch_completed(run.run_id, "is_killed")
    listed = subprocess.run(
        [str(Path(sys.executable).parent / "cloudstore"), "runs"],
        env={**os.environ, "DAGSTER_HOME": str(code.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "STARTED (killed)" in listed.stdout
