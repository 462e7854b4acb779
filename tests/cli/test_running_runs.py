"""Runs whose processes are alive, from other processes: shown, stopped, and never deleted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from core import DagsterInstance, PipelineRunStatus

if TYPE_CHECKING:
    from conftest import Project

WAITING = """
import os, signal, sys, time
from core import ModeDefinition, RetryRequested, pipeline, resource, solid

KIND = os.environ["KIND"]

@resource
def tool(_):
    yield "tool"
    print("put away", flush=True)
    if KIND == "is slow to stop":
        time.sleep(60)

@solid
def before(_):
    return 1

@solid(required_resource_keys={"tool"})
def waits(_, value):
    if KIND == "says nothing of its end":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print("waits", flush=True)
    if KIND == "retries":
        raise RetryRequested(max_retries=1, seconds_to_wait=60)
    if KIND == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

@solid
def after(_, value):
    return value

@pipeline(mode_defs=[ModeDefinition(resource_defs={"tool": tool})])
def waiting():
    after(waits(before()))
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(project: Project) -> Iterator[Start]:
    """Starts `cloudstore run` of the pipeline above, and returns when its step waits."""
    started: list[subprocess.Popen[str]] = []

    def run(kind: str = "waits") -> subprocess.Popen[str]:
        project.write("waiting.py", WAITING)
        process = subprocess.Popen(
            [str(project.program), "run", "-f", "waiting.py"],
            cwd=project.folder,
            env={**project.environment(), "KIND": kind},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        if kind == "dies":
            process.wait()
        else:
            assert process.stdout.readline() == "waits\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def only_run(project: Project) -> tuple[str, PipelineRunStatus]:
    with DagsterInstance.from_config(str(project.home)) as instance:
        [run] = instance.get_runs()
        return run.run_id, run.status


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "with force"])
def test_a_run_that_is_alive_is_stopped_and_says_so(project: Project, start: Start, force: tuple[str, ...]) -> None:
    process = start()
    run_id, status = only_run(project)
    assert status is PipelineRunStatus.STARTED
    done = project.command("runs", "cancel", run_id[:8], *force)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"Run {run_id} is executed by process {process.pid}, which is asked to stop.\n"
        f"Run {run_id} was STARTED and is CANCELED.\n"
    )
    said, _ = process.communicate(timeout=60)
    assert said == "put away\n"
    assert process.returncode == 143
    assert not (project.home / "running").exists()
    assert project.command("runs", "delete", run_id).returncode == 0


def test_a_run_that_was_killed_is_only_marked_with_force(project: Project, start: Start) -> None:
    process = start("dies")
    process.wait()
    run_id, _ = only_run(project)
    refused = project.command("runs", "cancel", run_id)
    assert refused.returncode == 1
    assert f"`cloudstore runs cancel {run_id} --force`" in refused.stderr
    assert project.command("runs", "cancel", run_id, "--force").returncode == 0
    assert only_run(project) == (run_id, PipelineRunStatus.CANCELED)
    project.run()  # which forgets what nobody needs any more
    assert not (project.home / "running").exists()


def test_a_process_that_does_not_heed_is_waited_for_as_long_as_is_said(project: Project, start: Start) -> None:
    process = start("is slow to stop")
    run_id, _ = only_run(project)
    done = project.command("runs", "cancel", run_id, "--wait", "0")
    assert done.returncode == 1
    assert f"Run {run_id} still runs after 0 s: process {process.pid} has not heeded SIGTERM yet." in done.stderr
    assert process.poll() is None
    assert only_run(project) == (run_id, PipelineRunStatus.CANCELING)


def test_of_a_process_that_says_nothing_of_its_end_it_is_recorded(project: Project, start: Start) -> None:
    process = start("says nothing of its end")
    run_id, _ = only_run(project)
    assert project.command("runs", "cancel", run_id).returncode == 0
    assert process.wait(60) == -signal.SIGTERM
    assert only_run(project) == (run_id, PipelineRunStatus.CANCELED)


def test_a_living_run_is_deleted_by_nobody_whatever_its_status_says(project: Project, start: Start) -> None:
    process = start()
    run_id, _ = only_run(project)
    for status in ("STARTED", "CANCELED"):
        if status == "CANCELED":
            with DagsterInstance.from_config(str(project.home)) as instance:
                instance.report_run_canceled(instance.get_existing_run(run_id))
        refused = project.command("runs", "delete", run_id)
        assert refused.returncode == 1
        assert f"`cloudstore runs cancel {run_id}`" in refused.stderr
    assert f"is CANCELED, but process {process.pid} executes it" in refused.stderr
    project.home.joinpath("dagster.yaml").write_text(
        "retention: {runs: {max_count: 0}, compute_logs: {max_count: 0}}\n"
    )
    pruned = project.command("instance", "prune")
    assert (pruned.returncode, pruned.stdout) == (0, "")
    assert only_run(project) == (run_id, PipelineRunStatus.CANCELED)
    stopped = project.command("runs", "cancel", run_id)
    assert stopped.returncode == 0
    process.communicate(timeout=60)
    assert project.command("instance", "prune").stdout
    with DagsterInstance.from_config(str(project.home)) as instance:
        assert instance.get_runs() == []


def test_another_process_with_the_same_id_is_never_signalled(project: Project, start: Start) -> None:
    process = start()
    run_id, _ = only_run(project)
    with DagsterInstance.from_config(str(project.home)) as instance:
        [running] = instance.running_runs.living().values()
        assert (running.run_id, running.pid) == (run_id, process.pid)
        for other in (running.started + "1", ""):
            assert not type(running)(run_id, running.pid, other).send(signal.SIGKILL)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert not running.send(signal.SIGKILL)
        assert not running.send(0)
        assert instance.running_runs.living() == {}
    assert os.getpid() != running.pid


def wait_for(project: Project, run_id: str, text: str) -> None:
    """Waits until the log of a run has an event with this in its message."""
    is_there = threading.Event()
    with DagsterInstance.from_config(str(project.home)) as instance:
        instance.watch_event_logs(run_id, None, lambda entry: is_there.set() if text in entry.message else None)
        assert is_there.wait(60)


def shown(project: Project, run_id: str) -> list[str]:
    done = project.command("runs", "show", run_id)
    assert (done.returncode, done.stderr) == (0, "")
    return [" ".join(line.replace("│", " ").replace("┃", " ").split()) for line in done.stdout.splitlines()]


def test_a_step_that_runs_is_shown_as_running_and_since_when(project: Project, start: Start) -> None:
    process = start()
    run_id, _ = only_run(project)
    wait_for(project, run_id, "waits - STEP_START")
    lines = shown(project, run_id)
    assert f"waiting, run {run_id}: STARTED" in lines
    assert lines[-1] == f"Process {process.pid} executes the run."
    assert any(re.fullmatch(r"before executed [\d.]+", line) for line in lines)
    with DagsterInstance.from_config(str(project.home)) as instance:
        [began] = [
            entry.timestamp
            for entry in instance.all_logs(run_id)
            if entry.dagster_event and (entry.dagster_event.event_type_value, entry.step_key) == ("STEP_START", "waits")
        ]
    at = datetime.fromtimestamp(began, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert f"waits running since {at}" in lines
    project.command("runs", "cancel", run_id)
    lines = shown(project, run_id)
    assert f"waiting, run {run_id}: CANCELED" in lines
    assert any(re.fullmatch(r"waits failed [\d.]+", line) for line in lines)


def test_a_step_that_waits_for_its_next_attempt_says_until_when(project: Project, start: Start) -> None:
    process = start("retries")
    run_id, _ = only_run(project)
    wait_for(project, run_id, "STEP_UP_FOR_RETRY")
    assert any(re.fullmatch(r"waits waiting to be run again at [-\d]+ [:\d]+", line) for line in shown(project, run_id))
    process.kill()
    process.wait()
    assert "waits was waiting to be run again when the run ended" in shown(project, run_id)


def test_a_step_of_a_run_that_was_killed_was_running(project: Project, start: Start) -> None:
    process = start()
    run_id, _ = only_run(project)
    wait_for(project, run_id, "waits - STEP_START")
    process.kill()
    process.wait()
    lines = shown(project, run_id)
    assert f"waiting, run {run_id}: STARTED" in lines
    assert lines[-1] == "The process of the run was killed."
    assert "waits was running when the run ended" in lines
    project.command("runs", "cancel", run_id, "--force")
    assert "waits was running when the run ended" in shown(project, run_id)


def test_the_list_of_runs_shows_what_runs_now(project: Project, start: Start) -> None:
    start()
    project.run("--memoize")
    project.run("--memoize")
    listed = project.command("runs").stdout.splitlines()
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in listed if line.startswith("│ ")]
    assert [(row[1], row[3], row[4], *row[6:8]) for row in cells] == [
        ("flights", "SUCCESS", "", "0", "3"),
        ("flights", "SUCCESS", "", "3", "0"),
        ("waiting", "STARTED", "waits", "1", "0"),
    ]
    assert all(re.fullmatch(r"\d+\.\d\d", row[5]) for row in cells)
    told = json.loads(project.command("runs", "--json").stdout)["runs"][2]
    assert (told["running_steps"], told["ended_at"], told["is_killed"]) == (["waits"], None, False)
    assert told["duration_seconds"] > 0


def test_a_killed_run_is_listed_as_killed_and_runs_nothing(project: Project, start: Start) -> None:
    start("dies")
    [line] = [line for line in project.command("runs").stdout.splitlines() if line.startswith("│ ")]
    assert "STARTED (killed)" in line
    told = json.loads(project.command("runs", "--json").stdout)["runs"][0]
    assert (told["running_steps"], told["is_killed"], told["duration_seconds"]) == ([], True, None)


def test_the_log_of_a_step_that_was_found_is_not_waited_for(project: Project) -> None:
    project.run("--memoize")
    again = project.run_id(project.run("--memoize"))
    followed = project.command("logs", again, "clean", "--follow")
    assert (followed.returncode, followed.stdout) == (0, "cleaning Months [1, 2]\n")
