"""`cloudstore logs` on one machine, while another process runs the pipeline."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import DagsterInstance

COMMAND = Path(sys.executable).parent / "cloudstore"

# It waits for a line of its input before each thing that it does, and tells the run's id first.
PROGRAM = """
import os, sys
from core import DagsterInstance, RetryRequested, execute_pipeline, pipeline, solid

def wait():
    assert os.read(0, 1)

@solid
def first(context):
    os.write(int(sys.argv[2]), context.run_id.encode())
    wait()

attempts = []

@solid
def second(context, _given):
    attempts.append(1)
    os.write(1, b"begin of attempt %d\\n" % len(attempts))
    wait()
    os.write(1, b"end of attempt %d\\n" % len(attempts))
    if sys.argv[3] == "retry" and len(attempts) == 1:
        raise RetryRequested(max_retries=1)

@pipeline
def two():
    second(first())

with DagsterInstance.from_config(sys.argv[1]) as instance:
    execute_pipeline(two, instance=instance)
"""


class Running:
    """A process that runs the pipeline."""

    def __init__(self, home: Path, retries: bool) -> None:
        listening, telling = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), str(telling), "retry" if retries else "no"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[telling],
        )
        os.close(telling)
        self.run_id = os.read(listening, 36).decode()
        os.close(listening)

    def go_on(self) -> None:
        assert self.process.stdin
        os.write(self.process.stdin.fileno(), b"x")


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[Any]]]:
    started: list[subprocess.Popen[Any]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()
        for stream in (each.stdin, each.stdout, each.stderr):
            if stream:
                stream.close()


def other_machine(lab: Any) -> Path:
    """An instance with the same records, and a disk of its own for logs."""
    home: Path = lab.home("there")
    config = yaml.safe_load(home.joinpath("dagster.yaml").read_text())
    for name in ("storage", "history"):
        home.joinpath(name).symlink_to(lab.folder / "here" / "home" / name)
    home.joinpath("dagster.yaml").write_text(yaml.safe_dump(config))
    return home


def logs_command(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    return subprocess.Popen(
        [str(COMMAND), "logs", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("machine", ["here", "there"])
def test_it_follows_a_step_that_has_not_begun(lab: Any, processes: list[Any], machine: str) -> None:
    home = lab.home("here", upload_interval=0.1)
    DagsterInstance.from_config(str(home)).dispose()
    running = Running(home, retries=False)
    processes.append(running.process)
    command = logs_command(home if machine == "here" else other_machine(lab), running.run_id, "second", "--follow")
    processes.append(command)
    assert command.stdout
    running.go_on()
    assert command.stdout.readline() == b"begin of attempt 1\n"
    assert command.poll() is None
    running.go_on()
    assert command.stdout.readline() == b"end of attempt 1\n"
    assert command.stdout.read() == b""
    assert command.wait(30) == 0
    assert running.process.wait(60) == 0


def test_attempts_are_followed_one_by_one(lab: Any, processes: list[Any]) -> None:
    home = lab.home("here", upload_interval=0.1)
    DagsterInstance.from_config(str(home)).dispose()
    running = Running(home, retries=True)
    processes.append(running.process)
    there = other_machine(lab)
    running.go_on()
    first = logs_command(there, running.run_id, "second", "--follow", "--attempt", "1")
    second = logs_command(there, running.run_id, "second", "--follow", "--attempt", "2")
    processes += [first, second]
    assert first.stdout
    assert second.stdout
    assert first.stdout.readline() == b"begin of attempt 1\n"
    running.go_on()
    assert second.stdout.readline() == b"begin of attempt 2\n"
    assert first.stdout.read() == b"end of attempt 1\n"
    running.go_on()
    assert second.stdout.read() == b"end of attempt 2\n"
    assert [first.wait(30), second.wait(30), running.process.wait(60)] == [0, 0, 0]
    latest = logs_command(there, running.run_id, "second")
    processes.append(latest)
    assert latest.communicate()[0] == b"begin of attempt 2\nend of attempt 2\n"
    missing = logs_command(there, running.run_id, "second", "--attempt", "3")
    processes.append(missing)
    out, err = missing.communicate()
    assert (out, missing.returncode) == (b"", 1)
    assert b"no attempt 3 at step 'second'; the last one is 2" in err


@pytest.mark.parametrize("machine", ["here", "there"])
def test_a_step_that_begins_again_is_followed_on(lab: Any, processes: list[Any], machine: str) -> None:
    home = lab.home("here", upload_interval=0.1)
    DagsterInstance.from_config(str(home)).dispose()
    running = Running(home, retries=True)
    processes.append(running.process)
    running.go_on()
    command = logs_command(home if machine == "here" else other_machine(lab), running.run_id, "second", "--follow")
    processes.append(command)
    assert command.stdout
    assert command.stderr
    assert command.stdout.readline() == b"begin of attempt 1\n"
    running.go_on()
    assert command.stdout.readline() == b"end of attempt 1\n"
    assert command.stderr.readline() == b"Attempt 2 at step 'second' begins.\n"
    assert command.stdout.readline() == b"begin of attempt 2\n"
    running.go_on()
    assert command.stdout.read() == b"end of attempt 2\n"
    assert command.stderr.read() == b""
    assert [command.wait(30), running.process.wait(60)] == [0, 0]
