"""The nights of the demo: which runs there are, why, and how each ends; and it leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.examples.conftest import running, users_of

DEMO = ("-m", "examples.nightly.demo")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
EXPECTED = """
| Thu 31 Jan | 04:00 | schedule: 2013-01-30 | flights | at once | SUCCESS: 11 steps executed, 0 found |
| | 08:00 | sensor: 01-31-1 | answers | at once | SUCCESS: 11 steps executed, 0 found |
| | 08:00 | sensor: 01-31-2 | answers | after sensor: 01-31-1 | SUCCESS: 3 steps executed, 8 found |
| | 08:00 | sensor: 01-31-3 | flights | at once | SUCCESS: 3 steps executed, 8 found |
| Fri 01 Feb | 04:00 | schedule: 2013-01-31 | flights | at once | SUCCESS: 0 steps executed, 11 found |
| Sat 02 Feb | 04:00 | schedule: 2013-02-01 | flights | at once | SUCCESS: 7 steps executed, 4 found |
"""


def test_three_days_have_the_runs_that_are_due_and_asked_for(folder: Path) -> None:
    with running(folder, *DEMO) as process:
        said, errors = process.communicate(timeout=200)
        assert (process.returncode, errors) == (0, ""), said
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    *ended, wrong = rows
    assert ended == [[cell.strip() for cell in line.split("|")[1:-1]] for line in EXPECTED.strip().splitlines()]
    assert wrong[1:5] == ["08:00", "sensor: 02-02-1", "no-such-bucket", "at once"]
    assert wrong[5] == "FAILURE: The run was not begun: The bucket 'no-such-bucket' does not exist"
    assert re.search(r"looked into the bucket 18 times, and found new keys 2 times\.\n\Z", said)
    assert list(folder.iterdir()) == []
    assert users_of(folder) == []


def test_ctrl_c_in_a_run_leaves_no_process_and_no_file(folder: Path) -> None:
    with running(folder, *DEMO) as process:
        while not any("run_id" in each.read_text() for each in folder.glob("n-*/home/running/*")):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        said, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (130, "Interrupted.\n"), said
    assert list(folder.iterdir()) == []
    assert users_of(folder) == []
