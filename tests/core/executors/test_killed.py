"""The process of a step, the fork server, the worker and the scheduler of a cluster, and the process of the run, killed
at each moment at which something is told or written while a step is executed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core import DagsterInstance, reexecute_pipeline
from core.events.records import DagsterEvent
from core.loading.pipelines import load_pipeline
from core.serdes.yaml_file import dump_yaml
from tests.core.executors.conftest import MakeCode
from tests.core.executors.in_processes import Code, program, wait_until_gone
from tests.dask_cluster import Cluster

IS_FULL = "CLOUDSTORE_TEST_FAULTS" in os.environ

KILLING = """
import logging, pickle

WHAT, FIRST, STEP, SCHEDULER = WHICH

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
            os.kill(PIDS[WHAT](), signal.SIGKILL)
            wait_for_ever()

def worker():
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])

PIDS = {"server": os.getppid, "worker": worker, "run": lambda: RUN, "scheduler": lambda: SCHEDULER}
if not (FOLDER / "run").exists():  # the process of the run is the first that loads this
    (FOLDER / "run").write_text(str(os.getpid()))
RUN = int((FOLDER / "run").read_text())
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


def _killing(what: str, first: int, step: int = 0, scheduler_pid: int = 0) -> str:
    """The pipeline, where that is killed at the moment `first` of the first attempt, `step` later of each other one."""
    return KILLING.replace("WHICH", repr((what, first, step, scheduler_pid)))


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


FEWER = 1 if IS_FULL else 6


@pytest.mark.parametrize(("what", "step"), [("step", 1), ("server", FEWER)])
def test_a_step_is_run_again_wherever_its_process_or_the_server_is_killed(
    code_of: Callable[[str], Code], what: str, step: int
) -> None:
    _is_run_again_until_it_ends(code_of(_killing(what, 1, step)), 12 if step == 1 else 3)


@pytest.mark.parametrize("first", range(1, 7) if IS_FULL else (1,))  # a cluster does not bear so many at all moments
def test_a_step_is_run_again_wherever_its_worker_is_killed(code_on: MakeCode, own_cluster: Cluster, first: int) -> None:
    _is_run_again_until_it_ends(code_on(_killing("worker", first, 6), own_cluster), 3)


def _is_run_again_until_it_ends(code: Code, least_kills: int) -> None:
    with code.instance() as instance:
        result = code.execute(instance, raise_on_error=True, more_config=LOGGING)
        assert (result.success, result.output_for_solid("after")) == (True, 1000)
        attempts = _attempts(_stored(instance, result.run_id))
        logs = instance.compute_log_manager
        for number in range(1, len(attempts) + 1):
            assert logs.is_watch_completed(result.run_id, "is_killed", number)
    killed = [line for line in code.told if line.startswith("killed at")]
    assert len(killed) >= least_kills, killed
    for events in attempts[:-1]:
        assert events == [*WHOLE[: len(events) - 1], "STEP_UP_FOR_RETRY"]
    assert attempts[-1] == WHOLE
    _wait_until_all_are_gone(code)


def _wait_until_all_are_gone(code: Code) -> None:
    for line in code.told:
        if line.startswith("pid "):
            wait_until_gone(int(line.split()[1]))


@pytest.mark.parametrize("moment", range(1, 30) if IS_FULL else (9, 19))
def test_a_run_fails_wherever_the_scheduler_is_killed_and_goes_on_elsewhere(
    code_on: MakeCode, own_cluster: Cluster, cluster: Cluster, moment: int
) -> None:
    code = code_on(_killing("scheduler", moment, 1000, own_cluster.scheduler_pid), own_cluster)
    with code.instance() as instance:
        failed = code.execute(instance, more_config=LOGGING)
        if not [line for line in code.told if line.startswith("killed at")]:
            assert failed.success
            return  # there are not so many moments
        assert not failed.success
        (events,) = _attempts(_stored(instance, failed.run_id))
        # What was under way is lost. Of a step of which nothing was told before, it is not known that it has begun.
        assert events in ([], [*WHOLE[: len(events) - 1], "STEP_FAILURE"], WHOLE)
        ends = [each for each in _stored(instance, failed.run_id) if each.event_type_value == "PIPELINE_FAILURE"]
        assert ["to the Dask scheduler" in (each.message or "") for each in ends] == [True]
        assert instance.compute_log_manager.is_watch_completed(failed.run_id, "is_killed")
        _wait_until_all_are_gone(code)
        config = {"cluster": {"existing": {"address": cluster.address}}}
        result = reexecute_pipeline(
            load_pipeline(code.file, "piped"),
            failed.run_id,
            {"execution": {"dask": {"config": config}}, **LOGGING},
            resume=True,
            instance=instance,
        )
        assert result.executed_step_keys in (["is_killed", "after"], ["after"])
        assert result.output_for_solid("after") == 1000


@pytest.mark.parametrize("moment", range(1, 30) if IS_FULL else (2, 9, 15, 19))
def test_no_step_survives_the_process_of_the_run(code_of: Callable[[str], Code], moment: int) -> None:
    code = code_of(_killing("run", moment))
    with program(code, more_config=LOGGING) as process:
        if process.wait(timeout=60) == 0:
            assert not [line for line in code.told if line.startswith("killed at")]
            return  # there are not so many moments
        assert process.returncode == -signal.SIGKILL
    _wait_until_all_are_gone(code)
    with code.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status.value == "STARTED"
        for events in _attempts(_stored(instance, run.run_id)):  # none, where the last batch was not stored yet
            assert events == WHOLE[: len(events)]
        assert run.run_id in instance.running_runs.killed()
        instance.recover()
        assert instance.compute_log_manager.is_watch_completed(run.run_id, "is_killed")
    (code.home / "dagster.yaml").write_text(dump_yaml(code.sections))
    listed = subprocess.run(
        [str(Path(sys.executable).parent / "cloudstore"), "runs"],
        env={**os.environ, "DAGSTER_HOME": str(code.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "STARTED (killed)" in listed.stdout
