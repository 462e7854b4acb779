"""Buckets that cannot be reached: runs go on, and no byte is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudstore.compute_logs import agenda
from cloudstore.testing import Fault
from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.records.pipeline_run import PipelineRun

COMMAND = Path(sys.executable).parent / "cloudstore"
RUN = PipelineRun("flights", "run-1")
STEPS, LINES = 4, 2000
TEXT = "".join(f"line {number}\n" for number in range(LINES)).encode()
# How long a request may take that nobody may wait for, and what an undisturbed run or end takes on the busiest machine.
LONG_SECONDS, MOST_SECONDS = 120.0, 60.0
OUTAGES = {
    "503": Fault.error("SlowDown"),
    "403": Fault.error("AccessDenied"),
    "reset": Fault.reset(),
    "stall": Fault.stall(LONG_SECONDS),
}
NAMED = {"503": "SlowDown", "403": "AccessDenied", "reset": "onnection", "stall": "imeout"}
Until = Callable[..., None]


@solid
def print_lines() -> None:
    os.write(1, TEXT)
    os.write(2, TEXT)


@pipeline
def printing() -> None:
    for number in range(STEPS):
        print_lines.alias(f"step_{number}")()


def run_in(instance: DagsterInstance) -> str:
    """The id of a run that succeeded."""
    result = execute_pipeline(printing, instance=instance)
    assert result.success
    return result.run_id


def warnings_of(home: Path, run_id: str) -> list[str]:
    with DagsterInstance.local_temp(str(home)) as reader:
        entries = reader.all_logs(run_id)
    events = [(entry.dagster_event, entry) for entry in entries]
    return [entry.message for event, entry in events if event and event.event_type_value == "ENGINE_EVENT"]


def assert_all_shipped(lab: Any) -> None:
    logs = lab.logs()
    assert {name for name in logs if name.endswith(".out")} == {f"step_{number}.out" for number in range(STEPS)}
    assert all(content == TEXT for name, content in logs.items() if name.endswith(".out"))
    assert all(TEXT in content for name, content in logs.items() if name.endswith(".err"))
    assert not [key for key in lab.all_keys() if ".parts/" in key]
    assert lab.left() == []


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Nobody listens there, nor can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_steps_do_not_wait_for_a_store_that_is_silent(lab: Any, until: Until) -> None:
    lab.proxy.inject(Fault.stall(LONG_SECONDS))
    options = {"read_timeout_seconds": LONG_SECONDS, "exit_timeout_seconds": 0.1}
    with lab.instance(upload_interval=0.01, **options) as instance:
        started = time.monotonic()
        run_in(instance)
        until(lambda: lab.proxy.records)
        run_in(instance)
        assert time.monotonic() - started < MOST_SECONDS


@pytest.mark.parametrize("outage", OUTAGES)
def test_the_same_process_ships_it_later(lab: Any, until: Until, outage: str) -> None:
    lab.proxy.inject(OUTAGES[outage])
    with lab.instance(upload_interval=0.1, read_timeout_seconds=3) as instance:
        run_id = run_in(instance)
        until(lambda: warnings_of(lab.folder / "here" / "home", run_id))
        folder = lab.spool() / run_id / "compute_logs"
        assert [folder.joinpath(f"step_{number}.out").read_bytes() for number in range(STEPS)] == [TEXT] * STEPS
        lab.proxy.clear()
        assert instance.compute_log_manager.drain() == []
        assert_all_shipped(lab)
    (warning,) = warnings_of(lab.folder / "here" / "home", run_id)
    assert NAMED[outage] in warning


@pytest.mark.parametrize("outage", OUTAGES)
def test_it_ships_by_itself_when_the_store_is_back(lab: Any, until: Until, outage: str) -> None:
    lab.proxy.inject(OUTAGES[outage])
    with lab.instance(upload_interval=0.1, read_timeout_seconds=3) as instance:
        run_id = run_in(instance)
        until(lambda: warnings_of(lab.folder / "here" / "home", run_id))
        lab.proxy.clear()
        until(lambda: lab.left() == [])
        assert_all_shipped(lab)


@pytest.mark.parametrize("outage", ["503", "stall"])
def test_the_end_does_not_wait_longer_than_it_may(lab: Any, outage: str) -> None:
    """A store that is silent longer than the process may wait is an outage too, and the run has its warning."""
    lab.proxy.inject(OUTAGES[outage])
    instance = lab.instance(upload_interval=3600, exit_timeout_seconds=1, max_attempts=5)
    run_id = run_in(instance)
    started = time.monotonic()
    instance.dispose()
    instance.dispose()  # as at the end of the process again
    assert time.monotonic() - started < MOST_SECONDS
    (warning,) = warnings_of(lab.folder / "here" / "home", run_id)
    assert "stay on the local disk" in warning
    lab.proxy.clear()
    with lab.instance() as later:
        assert later.compute_log_manager.drain() == []
    assert_all_shipped(lab)


def test_a_new_process_ships_it(lab: Any, closed_port: int) -> None:
    with lab.instance(endpoint_url=f"http://127.0.0.1:{closed_port}", exit_timeout_seconds=1) as instance:
        run_id = run_in(instance)
    (warning,) = warnings_of(lab.folder / "here" / "home", run_id)
    assert str(closed_port) in warning or "not shipped within 1 s" in warning  # on a busy machine
    assert lab.left() != []
    program = """
import sys
from core import DagsterInstance
with DagsterInstance.from_config(sys.argv[1]) as instance:
    instance.recover()
"""
    subprocess.run([sys.executable, "-c", program, lab.home()], check=True, timeout=60)
    assert_all_shipped(lab)


def test_the_command_ships_it_and_says_so(lab: Any) -> None:
    def drain() -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DAGSTER_HOME": str(lab.home())}
        command = [str(COMMAND), "logs", "drain"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    lab.proxy.inject(OUTAGES["403"])
    with lab.instance() as instance:
        run_in(instance)
    failed = drain()
    assert failed.returncode != 0
    assert "AccessDenied" in failed.stderr
    assert str(lab.spool()) in failed.stderr
    lab.proxy.clear()
    done = drain()
    assert (done.returncode, done.stdout) == (
        0,
        "All compute logs are uploaded, except those of processes that are still running.\n",
    )
    assert_all_shipped(lab)


@pytest.mark.parametrize("fault", [Fault.lost_reply(), Fault.reset(), Fault.cut(20)], ids=str)
@pytest.mark.parametrize("percent", [10, 50, 90])
def test_faults_here_and_there(lab: Any, until: Until, fault: Fault, percent: int) -> None:
    """Answers that are lost after the store has done the work, and requests that it never sees."""
    manager = lab.manager(upload_interval=0.05, max_attempts=3, gzip=percent == 50)
    lab.proxy.inject(fault, rate=percent / 100, times=12)
    with manager.watch(RUN, "step"):
        for number in range(3):
            os.write(1, TEXT)
            until(lambda number=number: len(lab.proxy.records) > number)
    manager.finish_run(RUN)
    until(lambda: lab.left() == [])
    assert lab.logs() == {"step.out": TEXT * 3, "step.err": b""}
    assert len(lab.all_keys()) == 2


def test_the_logs_of_a_disposed_manager_are_not_overwritten(lab: Any, until: Until) -> None:
    """It was given up while a request was on its way; another process has shipped all, when that comes back."""
    lab.proxy.inject(Fault.stall(1.5), operations="PutObject", times=2)
    first = lab.manager(exit_timeout_seconds=0.1, read_timeout_seconds=1)
    with first.watch(RUN, "step"):
        os.write(1, TEXT)
    first.finish_run(RUN)
    until(lambda: len(lab.proxy.records) >= 1)
    first.dispose()
    second = lab.manager()
    assert second.drain() == []
    assert lab.logs()["step.out"] == TEXT
    assert lab.left() == []
    first.drain()
    until(lambda: not first._shipper._threads)
    assert lab.logs() == {"step.out": TEXT, "step.err": b""}


def many(manager: Any, names: list[str]) -> None:
    for name in names:
        with manager.watch(RUN, name):
            os.write(1, TEXT)
    manager.finish_run(RUN)


@pytest.mark.parametrize("way", ["drain", "dispose"])
@pytest.mark.parametrize("fault", [Fault.error("AccessDenied"), Fault.error("InternalError")], ids=str)
def test_one_log_that_cannot_be_stored_keeps_no_other_back(lab: Any, fault: Fault, way: str) -> None:
    lab.proxy.inject(fault, operations="PutObject", key="*bad.out")
    manager = lab.manager(upload_interval=3600, max_pool_connections=1, skip_empty_files=True)
    names = [f"good-{number}" for number in range(20)]
    many(manager, ["bad", *names])
    why = manager.drain() if way == "drain" else manager.dispose()
    if way == "drain":
        assert "bad.out" in why[0]
    assert sorted(lab.logs()) == sorted(f"{name}.out" for name in names)
    assert manager._shipper._agenda.times_away == 0


def test_drain_passes_over_one_log_whose_requests_break_off(lab: Any) -> None:
    lab.proxy.inject(Fault.reset(), operations="PutObject", key="*bad.out")
    manager = lab.manager(upload_interval=3600, max_pool_connections=1, skip_empty_files=True)
    many(manager, ["bad", "good"])
    assert "bad.out" in manager.drain()[0]
    assert list(lab.logs()) == ["good.out"]


def test_the_end_waits_for_a_store_that_comes_back(lab: Any) -> None:
    lab.proxy.inject(Fault.error("SlowDown"), times=2)
    manager = lab.manager(upload_interval=3600, skip_empty_files=True)
    many(manager, ["step"])
    manager.dispose()
    assert list(lab.logs()) == ["step.out"]
    assert lab.left() == []


def test_the_end_waits_some_seconds_for_a_store_that_does_not_come_back(
    monkeypatch: pytest.MonkeyPatch, lab: Any, closed_port: int
) -> None:
    assert agenda._SECONDS_OF_HOPE == 10.0, "which the documentation says"
    monkeypatch.setattr(agenda, "_SECONDS_OF_HOPE", 0.3)
    manager = lab.manager(endpoint_url=f"http://127.0.0.1:{closed_port}", exit_timeout_seconds=LONG_SECONDS)
    many(manager, ["step"])
    started = time.monotonic()
    manager.dispose()
    assert time.monotonic() - started < MOST_SECONDS
    assert lab.left() != []


def test_drain_takes_as_long_as_the_store_does(lab: Any) -> None:
    lab.proxy.inject(Fault.stall(1.5), operations="PutObject")
    manager = lab.manager(exit_timeout_seconds=0.01, skip_empty_files=True)
    many(manager, ["step"])
    assert manager.drain() == []
    assert list(lab.logs()) == ["step.out"]


def test_the_end_does_not_wait_for_what_others_left(monkeypatch: pytest.MonkeyPatch, lab: Any, until: Until) -> None:
    monkeypatch.setattr("cloudstore.compute_logs.shipper._SECONDS_FOR_LEFTOVERS", 0.5)
    lab.proxy.inject(Fault.error("AccessDenied"))
    earlier = lab.manager(skip_empty_files=True)
    many(earlier, ["left"])
    earlier.dispose()
    lab.proxy.clear()
    lab.proxy.inject(Fault.stall(LONG_SECONDS))
    later = lab.manager(exit_timeout_seconds=LONG_SECONDS, read_timeout_seconds=LONG_SECONDS)
    later.recover()
    until(lambda: later._shipper._agenda.busy)
    started = time.monotonic()
    later.dispose()
    assert time.monotonic() - started < MOST_SECONDS
