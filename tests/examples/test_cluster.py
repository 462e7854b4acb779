"""The cluster's demo does what it says, and leaves nothing, also when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = "import sys; from examples.cluster import demo; demo.RESAMPLES = int(sys.argv[1]); demo.main()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files. The name is short: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="c-") as name:
        yield Path(name)


@contextmanager
def the_demo(folder: Path, resamples: int) -> Iterator[subprocess.Popen[str]]:
    """The command, in a process group of its own as in a terminal, with its temporary files in a folder."""
    foreign = ("AWS_", "FLIGHTS_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(resamples)],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def users_of(folder: Path) -> list[str]:
    """The command lines of processes that work in a folder, or know of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = [(process / name).read_bytes() for name in ("cmdline", "environ")]
            told.append(os.fsencode((process / "cwd").readlink()))
            if any(os.fsencode(folder) in each for each in told) and int(process.name) != os.getpid():
                found.append(told[0].replace(b"\0", b" ").decode())
    return found


def test_a_worker_is_killed_and_the_values_are_those_of_one_process(folder: Path) -> None:
    with the_demo(folder, resamples=2500) as process:
        said, errors = process.communicate(timeout=200)
        assert (process.returncode, errors) == (0, ""), said
    (killed,) = re.findall(r"(worker-[123]) is killed \(kill -9\), while it executes (delays_of_month\[\d\d\])", said)
    assert f"Step {killed[1]!r} is run again in 0 s (retry 1 of 2), because it failed:" in said
    assert f"The process of step {killed[1]!r} ended together with the worker tcp://127.0.0.1:" in said
    assert "with 18 attempts at its steps" in said
    steps = re.findall(r"^ *[\d.]+ s  ([\w\[\]]+)$", said, re.M)
    months = [f"delays_of_month[{month:02}]" for month in range(1, 13)]
    others = ["ingest", "read_flights", "clean_flights", "split_by_month", "rank_months"]
    assert sorted(steps) == sorted([*months, *others])
    _, _, table = said.partition("gives the same values, to the last bit:\n\n")
    assert [int(line.split()[0]) for line in table.splitlines()[2:]] == [7, 6, 12, 4, 3, 5, 8, 2, 1, 9, 10, 11]
    assert list(folder.iterdir()) == []
    assert users_of(folder) == []


def test_ctrl_c_in_the_middle_leaves_no_process_and_no_file(folder: Path) -> None:
    with the_demo(folder, resamples=1_000_000) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "split_by_month" in line:  # so the workers execute steps
                break
        assert sum("dask_worker" in each for each in users_of(folder)) == 3
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (130, "Interrupted.\n"), said
    assert list(folder.iterdir()) == []
    assert users_of(folder) == []
