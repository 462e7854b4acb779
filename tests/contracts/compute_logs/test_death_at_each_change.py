"""A process that dies between any two changes of the disk: what it printed is kept, and whoever recovers tidies up."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudstore import S3ComputeLogManager
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType

PROGRAM = Path(__file__).with_name("dying.py")
MOST_LOG_BYTES = 4096
NEVER = 1 << 30
# In a bucket each death costs the clients of two processes: every third there, and every one in `make test-faults`.
STEP_IN_BUCKET = 1 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 3


@pytest.fixture(autouse=True, scope="module")
def _secret() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDSTORE_TEST_SECRET", "a secret of the run's")
        yield


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Machine:
    """Where processes die, one after another.

    Attributes:
        base: the folder for logs.
        config: that of the managers.
    """

    def __init__(self, kind: str, base: Path, config: dict[str, Any], program: subprocess.Popen[str]) -> None:
        self.base = base
        self.config = config
        self._kind = kind
        self._program = program

    def die(self, what: str, number: int) -> tuple[int, dict[str, bytes]]:
        """Lets a process do something until it dies before its n-th change of the folder.

        Returns:
            How it ended, and what it had printed for sure, by `run/step`.
        """
        assert self._program.stdin
        assert self._program.stdout
        print(json.dumps([what, self._kind, self.config, str(self.base), number]), file=self._program.stdin, flush=True)
        code, told = json.loads(self._program.stdout.readline())
        assert code in (0, -signal.SIGKILL)
        return code, {log: text.encode() for log, _, text in (line.partition(" ") for line in told)}

    def manager(self) -> ComputeLogManager:
        return (LocalComputeLogManager if self._kind == "local" else S3ComputeLogManager)(**self.config)

    def left(self) -> list[str]:
        """What is in the folder that somebody should have tidied up."""
        names = sorted(str(path.relative_to(self.base)) for path in self.base.rglob("*"))
        if self._kind == "local":  # which keeps the logs, and of which runs they are
            return [name for name in names if Path(name).name.startswith(".") and Path(name).name != ".completed"]
        return names


@pytest.fixture
def new_machine(request: pytest.FixtureRequest, kind: str, fenced: Path) -> Iterator[Callable[[], Machine]]:
    numbers = itertools.count()
    with subprocess.Popen([sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as warm:

        def new() -> Machine:
            base = fenced / str(next(numbers))
            config: dict[str, Any] = {"max_log_bytes": MOST_LOG_BYTES}
            if kind == "local":
                return Machine(kind, base, {"base_dir": str(base), **config}, warm)
            client, bucket = (request.getfixturevalue(f"embedded_{part}") for part in ("client", "bucket"))
            options = {**request.getfixturevalue("embedded_options"), "endpoint_url": client.meta.endpoint_url}
            place = {"bucket": bucket, "prefix": str(uuid.uuid4()), "local_dir": str(base), "skip_empty_files": True}
            return Machine(kind, base, {**config, **options, **place}, warm)

        yield new
        assert warm.stdin
        warm.stdin.close()


def moments(kind: str, what: str) -> Iterator[int]:
    """The numbers of the changes before which processes die, endlessly; which ones differs from test to test."""
    step = STEP_IN_BUCKET if kind == "bucket" else 1
    return itertools.count(1 + len(what) % step, step)


def problems(machine: Machine, printed: dict[str, bytes]) -> list[object]:
    """What is wrong when another process has recovered."""
    manager = machine.manager()
    try:
        found: list[object] = [*manager.drain(), *machine.left()]
        for log, text in printed.items():
            run_id, _, step = log.partition("/")
            kept = (manager.read_logs_file(run_id, step, ComputeIOType.STDOUT).data or "").encode()
            if kept != text and not (len(text) > MOST_LOG_BYTES >= len(kept) and b"were dropped here" in kept):
                found.append((log, kept[:40]))
            if not manager.is_watch_completed(run_id, step):
                found.append((log, "not complete"))
        return found
    finally:
        manager.dispose()


@pytest.mark.parametrize("kind", ["local", "bucket"], indirect=True)
@pytest.mark.parametrize(
    "what",
    [
        "one_run",
        "runs_that_overlap",
        "run_that_ends_while_another_prints",
        "step_begun_again",
        "long_logs",
        "run_that_is_not_finished",
    ],
)
def test_whenever_a_process_dies_its_logs_are_kept_and_nothing_else(
    what: str, kind: str, new_machine: Callable[[], Machine]
) -> None:
    found: dict[int, list[object]] = {}
    for number in moments(kind, what):
        machine = new_machine()
        code, printed = machine.die(what, number)
        found[number] = problems(machine, printed)
        if code == 0:
            break
    assert {number: each for number, each in found.items() if each} == {}
    assert number > 15  # it did die


@pytest.mark.parametrize("kind", ["local", "bucket"], indirect=True)
def test_whenever_one_that_recovers_dies_the_next_one_goes_on(kind: str, new_machine: Callable[[], Machine]) -> None:
    found: dict[int, list[object]] = {}
    for number in moments(kind, "recovery"):
        machine = new_machine()
        code, printed = machine.die("killed_in_a_step", NEVER)
        assert code == -signal.SIGKILL
        code, _ = machine.die("recovery", number)
        found[number] = problems(machine, {**printed, "first/killed": b"printed"})
        if code == 0:
            break
    assert {number: each for number, each in found.items() if each} == {}
    assert number > 5
