"""An interrupt, whichever line the process of the run is at."""

from __future__ import annotations

import os

import pytest

import core.executors.dask.cluster_steps  # noqa: F401  else the lines of its classes would count too
from core import execute_pipeline, pipeline
from tests.core.executors.conftest import MakeCode
from tests.core.executors.in_processes import execute_interrupted, had, wait_until_gone
from tests.dask_cluster import Cluster

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


@pytest.mark.parametrize("first", range(5, 1500, 13) if IS_FULL else (85, 150, 420))
def test_an_interrupt_between_any_two_lines_ends_the_run_and_leaves_nothing(
    code_on: MakeCode, cluster: Cluster, first: int
) -> None:
    code = code_on(ENDING, cluster)
    with code.instance() as instance:
        execute_pipeline(pipeline(name="nothing")(lambda: None), instance=instance)  # connections are kept
        before = had()
        ends = execute_interrupted(code, instance, first)
        assert [run.status.value for run in instance.get_runs()[:-1]] in ends
        assert had() == before
    for line in code.told:
        wait_until_gone(int(line.split()[1]))
