"""Where on a cluster steps are executed, and how many at the same time; and what they print there."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import core.executors.dask.session
from core import DagsterEvent
from core.compute_logs.names import ComputeIOType
from tests.core.executors.conftest import MakeCode
from tests.dask_cluster import Cluster, dask_cluster

WITH_GPU = """
GPU = {"dagster-dask/resource_requirements": {"GPU": 1}}

def with_gpu(number):
    @solid(name=f"with_gpu_{number}", tags=GPU)
    def works(context):
        tell("begins")
        time.sleep(0.05)
        tell("ends")
    return works

@pipeline(mode_defs=[mode()])
def piped():
    for number in range(4):
        with_gpu(number)()
"""


def test_resources_of_workers_limit_what_they_execute_at_the_same_time(code_on: MakeCode) -> None:
    with dask_cluster(n_workers=1, threads_per_worker=4, resources={"GPU": 1}) as cluster:
        code = code_on(WITH_GPU, cluster)
        with code.instance() as instance:
            assert code.execute(instance).success
    assert code.told == ["begins", "ends"] * 4


def test_what_no_worker_can_take_is_told(code_on: MakeCode, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.executors.dask.session, "_PATIENCE_SECONDS", 0.1)
    code = code_on(WITH_GPU, cluster)

    def end(event: DagsterEvent) -> None:
        if "No worker of the cluster has 1 of 'GPU'" in (event.message or ""):
            os.kill(os.getpid(), signal.SIGINT)

    with code.instance() as instance:
        with pytest.raises(KeyboardInterrupt):
            code.execute(instance, on_event=end)
        assert [run.status.value for run in instance.get_runs()] == ["CANCELED"]
    assert code.told == []


LARGE = """
def worker():
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])

@solid
def large(context):
    tell(f"made by {worker()}")
    return bytes(20 << 20)

def takes(number):
    @solid(name=f"takes_{number}")
    def length(context, value):
        tell(f"made by {worker()}")
        return len(value)
    return length

@pipeline(mode_defs=[mode()])
def piped():
    for number in range(4):
        takes(number)(large.alias(f"large_{number}")())
"""


def test_a_step_is_executed_where_its_large_inputs_were_made(code_on: MakeCode) -> None:
    with dask_cluster(n_workers=3, threads_per_worker=3) as cluster:
        code = code_on(LARGE, cluster)
        with code.instance() as instance:
            assert code.execute(instance, max_concurrent=1).success
    made = code.told
    assert made[0::2] == made[1::2]


PRINTS = """
@solid
def prints(context):
    for number in range(30):
        os.write(1, b"%07d\\n" % number * 131072)
    os.write(2, b"the end")

@pipeline(mode_defs=[mode()])
def piped():
    prints()
"""


def test_whatever_a_step_prints_there_is_kept_here(
    code_on: MakeCode, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    code = code_on(PRINTS, cluster)
    with code.instance() as instance:
        result = code.execute(instance)
        path = instance.compute_log_manager.get_local_path(result.run_id, "prints", ComputeIOType.STDOUT)
    expected = "".join(f"{number:07}\n" * 131072 for number in range(30))
    assert Path(path).read_text() == expected
    shown = capfd.readouterr()
    assert shown.out == expected
    assert "the end" in shown.err
