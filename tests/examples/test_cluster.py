"""The cluster's demo does what it says, and leaves nothing, also when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import running, users_of

PROGRAM = "import sys; from examples.cluster import demo; demo.RESAMPLES = int(sys.argv[1]); demo.main([])"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


def test_a_worker_is_killed_and_the_values_are_those_of_one_process(folder: Path) -> None:
    with running(folder, "-c", PROGRAM, "2500") as process:
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


@pytest.mark.skipif("CLOUDSTORE_TEST_FAULTS" not in os.environ, reason="with CLOUDSTORE_TEST_FAULTS: another cluster")
def test_ctrl_c_in_the_middle_leaves_no_process_and_no_file(folder: Path) -> None:
    with running(folder, "-c", PROGRAM, "1000000") as process:
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
