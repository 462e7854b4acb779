"""Every lock is free in a forked child, whichever thread of the parent has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGES = [Path(__file__).parents[2] / name for name in ("core", "cloudstore")]
MAKES_A_LOCK = re.compile(r"= threading\.(Lock|RLock|Condition|Semaphore|Event)\(")
MODULES = [path for package in PACKAGES for path in sorted(package.rglob("*.py")) if "testing" not in path.parts]
EXCEPT = {
    "forks.py": "makes the locks that are free",
    "captured_file.py": "OutputCapture.reset_after_fork makes new ones",
    "changes.py": "of a thread of the daemon, which loads no code of the user's",
    "cluster_steps.py": "of the process that records a run, where no code of the user's is executed",
    "daemon.py": "of the daemon, which loads no code of the user's",
    "flights.py": "of the daemon likewise",
    "queue.py": "of the daemon likewise",
    "run_secrets.py": "Spool.reset_after_fork has it make new ones",
    "session.py": "of the same process as cluster_steps.py",
    "step_host.py": "of a Dask worker, which executes steps in other processes",
    "side_by_side.py": "of a worker's thread; a child that is forked there ends there",
    "subscription.py": "of a reader, which belongs to the thread that reads",
}


@pytest.mark.parametrize(
    "path", [each for each in MODULES if MAKES_A_LOCK.search(each.read_text())], ids=lambda path: path.name
)
def test_who_makes_a_lock_makes_a_new_one_in_a_forked_child(path: Path) -> None:
    source = path.read_text()
    assert path.name in EXCEPT or "reset_in_forked_children" in source or "register_at_fork" in source


def test_no_attribute_is_computed_under_the_lock_of_the_standard_library() -> None:
    """That of `functools.cached_property` is one for all instances, up to Python 3.11; `core.cached` has none."""
    imports = re.compile(r"^\s*(from functools import .*\bcached_property|.*@functools\.cached_property)", re.MULTILINE)
    assert [path.name for path in MODULES if imports.search(path.read_text())] == []
