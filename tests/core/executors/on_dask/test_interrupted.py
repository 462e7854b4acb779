"""An interrupt, whichever line the process of the run is at."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import core.executors.dask.cluster_steps
import core.executors.side_by_side  # else the lines of its classes would count too
from core import execute_pipeline, pipeline
from core.process.children import children_of
from tests.core.executors.conftest import MakeCode
from tests.core.executors.in_processes import descriptors, wait_until_gone
from tests.dask_cluster import Cluster

SOURCE = str(Path(core.executors.side_by_side.__file__).parent)
IS_FULL = "CLOUDSTORE_TEST_FAULTS" in os.environ

ENDING = """
@solid
def ends(context):
    tell(f"pid {os.getpid()}")
    return 1

@solid(retry_policy=RetryPolicy(max_retries=1))
def crashes_once(context, value):
    tell(f"pid {os.getpid()}")
    if context.retry_number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return value

@pipeline(mode_defs=[mode()])
def piped():
    crashes_once(ends())
"""


def _left() -> dict[str, Any]:
    gc.collect()
    return {
        "children": children_of(os.getpid()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": descriptors(),
    }


@pytest.mark.parametrize("first", range(5, 1500, 13) if IS_FULL else (85, 150, 420))
def test_an_interrupt_between_any_two_lines_ends_the_run_and_leaves_nothing(
    code_on: MakeCode, cluster: Cluster, first: int
) -> None:
    code = code_on(ENDING, cluster)
    count = 0

    def on_line(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(SOURCE) or frame.f_code.co_name == "<module>":
            return None  # the test, or a module that is imported
        if event == "line":
            count += 1
            if count == first:
                signal.raise_signal(signal.SIGINT)
        return on_line

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with code.instance() as instance:
            execute_pipeline(pipeline(name="nothing")(lambda: None), instance=instance)  # connections are kept
            before = _left()
            sys.settrace(on_line)
            try:
                code.execute(instance, kill_after_seconds=1000)
            except KeyboardInterrupt:
                ends: tuple[list[str], ...] = ([], ["CANCELED"])  # it may not have been recorded yet
            else:
                assert count < first  # there are not so many lines
                ends = (["SUCCESS"],)
            finally:
                sys.settrace(None)
            assert [run.status.value for run in instance.get_runs()[:-1]] in ends
            assert _left() == before
    finally:
        signal.signal(signal.SIGINT, handler)
    for line in code.told:
        wait_until_gone(int(line.split()[1]))
