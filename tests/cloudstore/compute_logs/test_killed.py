"""Processes that are killed while their steps print: whoever notices it ships every byte, once and in order."""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudstore.testing import Fault

PROGRAM = Path(__file__).with_name("killed_printer.py")
# A hundred take a minute or more; `make test-faults` asks for them.
KILLS = 100 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 20
LONGEST_SECONDS = 0.8
Until = Callable[..., None]

# Runs one step, says so, and lives on until it is killed. Beside it lives a child with its descriptors.
STEP = """
import os, subprocess, sys, json
from cloudstore import S3ComputeLogManager
from core.records.pipeline_run import PipelineRun
manager, run = S3ComputeLogManager(**json.loads(sys.argv[1])), PipelineRun("flights", "run-1")
with manager.watch(run, "step"):
    os.write(1, b"out" * 1000)
    os.write(2, b"err" * 1000)
    {inside}
    forking, forked = os.pipe()
    child = os.fork()
    if not child:
        os.write(forked, b"!")
        sys.stdin.read()
        os._exit(0)
    os.read(forking, 1)  # until then it has the lock that says that its parent lives
    os.write(int(sys.argv[2]), b"printed")
    {waits}
manager.finish_run(run)
sys.stdin.read()
"""
CONTENT = {"step.out": b"out" * 1000, "step.err": b"err" * 1000}


def killed(home: Path, moments: list[tuple[float, int]]) -> dict[str, int]:
    """Lets a process run pipelines, each in a child that is killed so many seconds after its first word, and after so
    many lines at the latest.

    Returns:
        By run and step: how many lines had been printed.
    """
    printed: dict[str, int] = {}
    with subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as warm:
        assert warm.stdin
        assert warm.stdout
        for seconds, lines in moments:
            print(json.dumps([str(home), seconds, lines]), file=warm.stdin, flush=True)
            code, counts = json.loads(warm.stdout.readline())
            assert code in (-signal.SIGKILL, 0)
            assert counts
            printed |= counts
        warm.stdin.close()
    return printed


def test_nothing_that_was_printed_is_lost(lab: Any) -> None:
    dice = random.Random(5)
    program = runpy.run_path(str(PROGRAM))
    within_a_step = program["LINES"] - program["AHEAD"]
    moments = [
        (60.0, dice.randrange(within_a_step)) if number % 2 else (dice.uniform(0, LONGEST_SECONDS), 1_000_000)
        for number in range(KILLS)
    ]
    printed = killed(lab.home(upload_interval=0.01), moments)
    with lab.instance() as instance:
        assert instance.compute_log_manager.drain() == []
    contents = {key: lab.content(key) for key in lab.all_keys()}
    assert not [key for key in contents if ".parts/" in key]
    for log, count in printed.items():
        run_id, step = log.split()
        content = contents[f"{run_id}/compute_logs/{step}.out"]
        told = b"".join(program["line"](step, number) for number in range(count))
        assert content.startswith(told)
        # One more may have been printed and not told; Linux cuts a write of a killed process where a page of the file
        # ends (`generic_perform_write` looks for a fatal signal before each page).
        assert program["line"](step, count).startswith(content.removeprefix(told))
    in_a_step = [count for count in printed.values() if count < program["LINES"]]
    assert len(in_a_step) >= KILLS // 2, "those of a number of lines were killed in the midst of a step"
    assert len({log.split()[0] for log in printed}) == KILLS
    assert lab.left() == []


class Step:
    """A process that runs one step of a run."""

    def __init__(self, lab: Any, inside: str = "", waits: str = "sys.stdin.read()", **options: Any) -> None:
        listening, telling = os.pipe()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                STEP.format(inside=inside, waits=waits),
                json.dumps(lab.config(**options)),
                str(telling),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[telling],
        )
        os.close(telling)
        assert os.read(listening, 7) == b"printed"
        os.close(listening)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end_its_child(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()


@pytest.fixture
def step(lab: Any) -> Any:
    made: list[Step] = []

    def make(**arguments: Any) -> Step:
        made.append(Step(lab, **arguments))
        return made[-1]

    yield make
    for each in made:
        each.kill()
        each.end_its_child()


def test_killed_before_anything_was_shipped(lab: Any, step: Any) -> None:
    """Its own child has its descriptors still, and is no reason to take it for alive."""
    step(upload_interval=3600).kill()
    assert lab.manager().drain() == []
    assert lab.logs() == CONTENT
    assert len(lab.all_keys()) == 2
    assert lab.left() == []


def test_a_process_that_lives_is_let_alone(lab: Any, step: Any) -> None:
    step(upload_interval=3600)
    assert lab.manager().drain() == []
    assert lab.all_keys() == []
    assert len(lab.left()) > 2


@pytest.mark.parametrize("fault", [Fault.stall(30), None], ids=["while sent", "when stored"])
def test_killed_with_segments(lab: Any, step: Any, until: Until, fault: Fault | None) -> None:
    if fault:
        lab.proxy.inject(fault, operations="PutObject", key="*.parts/*")
    process = step(upload_interval=0.01)
    until(lambda: len([key for key in lab.all_keys() if ".parts/" in key]) == (1 if fault else 2))
    process.kill()
    lab.proxy.clear()
    assert lab.manager().drain() == []
    assert lab.logs() == CONTENT
    assert len(lab.all_keys()) == 2  # no segments
    assert lab.left() == []


@pytest.mark.parametrize("skips_empty", [False, True])
@pytest.mark.parametrize("stream", ["out", "err"])
def test_killed_when_one_stream_was_shipped(lab: Any, step: Any, until: Until, stream: str, skips_empty: bool) -> None:
    """The file of that one is gone; its object stays as it is."""
    other = "err" if stream == "out" else "out"
    lab.proxy.inject(Fault.error("SlowDown"), key=f"*.{other}*")
    process = step(waits="", upload_interval=3600, skip_empty_files=skips_empty)
    until(lambda: f"run-1/compute_logs/step.{stream}" not in lab.left() and list(lab.logs()) == [f"step.{stream}"])
    process.kill()
    lab.proxy.clear()
    assert lab.manager(skip_empty_files=skips_empty).drain() == []
    assert lab.logs() == CONTENT
    assert lab.left() == []


def test_killed_when_all_is_stored_and_nothing_deleted_yet(lab: Any, step: Any, until: Until) -> None:
    lab.proxy.inject(Fault.stall(30), operations="PutObject", key="*.out")
    lab.proxy.inject(Fault.stall(30), operations="PutObject", key="*.err")
    process = step(waits="", upload_interval=3600)
    until(lambda: len(lab.logs()) == 2)
    assert len([path for path in lab.left() if path.endswith((".out", ".err"))]) >= 2
    process.kill()
    lab.proxy.clear()
    assert lab.manager().drain() == []
    assert lab.logs() == CONTENT
    assert lab.left() == []


SHIPPED = """
import os, signal, sys, json
from cloudstore import S3ComputeLogManager
from core.records.pipeline_run import PipelineRun
manager, run = S3ComputeLogManager(**json.loads(sys.argv[1])), PipelineRun("flights", "run-1")
with manager.watch(run, "step"):
    os.write(1, b"out")
assert manager.drain() == []
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_when_all_is_shipped_and_the_run_goes_on(lab: Any) -> None:
    command = [sys.executable, "-c", SHIPPED, json.dumps(lab.config())]
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == -signal.SIGKILL
    assert lab.left() != []  # it is noted that the log is complete
    assert lab.manager().drain() == []
    assert lab.left() == []
    assert lab.logs() == {"step.out": b"out", "step.err": b""}


def test_two_ship_it_at_once(lab: Any, step: Any, until: Until) -> None:
    step(upload_interval=3600).kill()
    managers = [lab.manager(), lab.manager()]
    threads = [threading.Thread(target=each.drain) for each in managers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: lab.left() == [])
    assert lab.logs() == CONTENT
    assert lab.requests()["PutObject"] == 2  # one of them had nothing to do
