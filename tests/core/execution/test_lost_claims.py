"""A process that was stopped so long that another took its run over does, and stores, nothing more of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import DagsterInstance, PipelineRunStatus
from core.errors import DagsterRunConflict
from core.instance.holding import HeldClaim
from core.records.claim import Claim
from core.records.pipeline_run import PipelineRun
from core.storage.runs import InMemoryRunStorage

PROGRAM = """
import os, sys, time
from pathlib import Path
from core import DagsterInstance, ModeDefinition, execute_pipeline, fs_io_manager, pipeline, reconstructable, solid
from core.instance import holding, runs

holding.CLAIM_SECONDS = runs.CLAIM_SECONDS = 1.0
holding.RENEWAL_SECONDS = RENEWAL

@solid
def waits(_):
    print("waits", os.getpid(), flush=True)
    while not Path("go on").exists():
        time.sleep(0.01)
    return 1

@solid
def after(_, value):
    Path("after").write_text("it was executed")

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def waiting():
    after(waits())

if __name__ == "__main__":
    with DagsterInstance.from_config("home") as instance:
        execution = {"execution": {"multiprocess": {}}} if sys.argv[1] == "multiprocess" else {}
        execute_pipeline(reconstructable(waiting), execution, instance=instance)
"""


def until_expired(instance: DagsterInstance) -> str:
    while not (expired := instance.run_storage.expired_runs(1)):
        time.sleep(0.02)
    return expired[0]


@pytest.mark.parametrize("renewal", ["0.1", "100"], ids=["renewing", "asking before it goes on"])
@pytest.mark.parametrize("executor", ["in_process", "multiprocess"])
def test_a_stopped_process_that_goes_on_has_lost_its_run(executor: str, renewal: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("RENEWAL\n", f"{renewal}\n"))
    command = [sys.executable, "program.py", executor]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process,  # type: ignore[call-overload]
        DagsterInstance.from_config(str(tmp_path / "home")) as instance,
    ):
        assert process.stdout.readline().startswith("waits")
        os.kill(process.pid, signal.SIGSTOP)
        run_id = until_expired(instance)
        claim = instance.run_storage.claim_expired_run(run_id, "another", 1000)
        assert claim is not None
        instance.event_log_storage.fence(claim)
        instance.report_run_failed(instance.get_existing_run(run_id), "Its process is gone.")
        log = instance.all_logs(run_id)
        os.kill(process.pid, signal.SIGCONT)
        (tmp_path / "go on").touch()
        _, told = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "DagsterRunConflict: Run" in told
        assert instance.all_logs(run_id) == log
        assert instance.get_existing_run(run_id).status is PipelineRunStatus.FAILURE
        assert not (tmp_path / "after").exists()
        assert not list((tmp_path / "home" / "unstored").glob("*"))


def test_a_process_that_nobody_took_for_gone_goes_on(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("RENEWAL\n", "100\n"))
    command = [sys.executable, "program.py", "in_process"]
    pipes = {"stdout": subprocess.PIPE}
    with (
        subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process,  # type: ignore[call-overload]
        DagsterInstance.from_config(str(tmp_path / "home")) as instance,
    ):
        process.stdout.readline()
        run_id = until_expired(instance)
        (tmp_path / "go on").touch()
        process.communicate(timeout=60)
        assert instance.get_existing_run(run_id).status is PipelineRunStatus.SUCCESS
        assert instance.run_storage.get_claim(run_id) is None


def test_who_holds_a_claim_asks_again_only_when_it_may_have_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, now = InMemoryRunStorage(), [0.0]
    monkeypatch.setattr("core.instance.holding._now", lambda: now[0])
    claim = storage.add_claimed_run(PipelineRun("p", "r", status=PipelineRunStatus.STARTED), "a", 0)
    held = HeldClaim(storage, claim, asked_at=0.0)
    assert storage.claim_expired_run("r", "b", 1000) == Claim("r", "b", 2)
    now[0] = 29.9
    held.check()
    now[0] = 30.0
    for _ in range(2):
        with pytest.raises(DagsterRunConflict, match="Run r is not this process's any more"):
            held.check()
