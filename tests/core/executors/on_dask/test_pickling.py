"""Dask changes how errors are pickled in a whole process; a run on it changes nothing for what is stored there."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import copyreg
before = dict(copyreg.dispatch_table)
import {module}
from types import TracebackType
changed = set(copyreg.dispatch_table) - before.keys()
print(sorted(each.__name__ for each in changed if issubclass(each, (BaseException, TracebackType))))
"""


@pytest.mark.parametrize("module", ["session", "on_worker", "cluster_steps"])
def test_errors_are_pickled_as_before(module: str) -> None:
    program = PROGRAM.format(module=f"core.executors.dask.{module}")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_dask_alone_does_change_them() -> None:
    """Or there would be nothing to take back, and `core/executors/dask/library.py` could go."""
    program = PROGRAM.format(module="distributed")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "ValueError" in done.stdout
