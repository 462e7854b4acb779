"""What the daemon does with nothing but defaults: code by workspace.yaml, a queue, code servers, runs in processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import DagsterInstance, PipelineRun, PipelineRunStatus
from core.records.backfill import BulkActionStatus

CODE = """
from core import ModeDefinition, Partition, PartitionSetDefinition, RunRequest, fs_io_manager
from core import pipeline, repository, sensor, solid

@solid(config_schema=str)
def says(context):
    return context.solid_config

def config_of(said):
    return {"solids": {"says": {"config": said}}}

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def orders():
    says()

@sensor(pipeline_name="orders", minimum_interval_seconds=1)
def found(context):
    return RunRequest("a-key", run_config=config_of("found"))

days = PartitionSetDefinition(
    "days",
    "orders",
    lambda: [Partition("monday"), Partition("tuesday")],
    run_config_fn_for_partition=lambda day: config_of(day.value),
)

@repository
def shop():
    return [orders, found, days]
"""
SECONDS = 60.0


class Shop:
    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        (folder / "shop.py").write_text(CODE)
        (folder / "workspace.yaml").write_text("load_from: [{python_file: shop.py}]\n")
        self.instance = DagsterInstance.from_config(str(self.home))
        self.environment = {**os.environ, "DAGSTER_HOME": str(self.home)}

    def command(self, *arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "cloudstore", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def runs_when(self, is_so: Callable[[list[PipelineRun]], bool]) -> list[PipelineRun]:
        deadline = time.monotonic() + SECONDS
        while not is_so(runs := self.instance.get_runs()):
            assert time.monotonic() < deadline, [(run.status, run.tags) for run in runs]
            time.sleep(0.05)
        return runs


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "cloudstore", "daemon", "run"],
        cwd=tmp_path,
        env=made.environment,
        stderr=subprocess.PIPE,
    )
    try:
        yield made
    finally:
        daemon.terminate()
        daemon.communicate()
        made.instance.dispose()
    assert daemon.returncode == 0


def _said(run: PipelineRun) -> str:
    said: str = run.run_config["solids"]["says"]["config"]
    return said


def test_a_sensor_a_backfill_and_a_submitted_run_are_executed_each_once(shop: Shop) -> None:
    shop.command("sensor", "start", "found")
    shop.command("backfill", "run", "days", "--all", "--name", "a-backfill")
    shop.command("launch", "-f", "shop.py", "-a", "shop.orders", "--set", "solids.says.config=asked")
    runs = shop.runs_when(lambda runs: len(runs) >= 4 and all(run.is_finished for run in runs))
    assert sorted(map(_said, runs)) == ["asked", "found", "monday", "tuesday"]
    assert {run.status for run in runs} == {PipelineRunStatus.SUCCESS}
    assert shop.instance.schedules.get_backfill_status("a-backfill") is BulkActionStatus.COMPLETED


def test_a_run_of_a_cancelled_backfill_is_not_launched(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.command("launch", "-f", "shop.py", "-a", "shop.orders", "--set", "solids.says.config=x")
    (run,) = shop.instance.get_runs()
    shop.command("backfill", "run", "days", "--all", "--name", "a-backfill")
    shop.command("backfill", "cancel", "a-backfill")
    shop.instance.add_run_tags(run.run_id, {"dagster/backfill": "a-backfill"})
    daemon = subprocess.Popen([sys.executable, "-m", "cloudstore", "daemon", "run"], cwd=tmp_path, env=shop.environment)
    try:
        (run,) = shop.runs_when(lambda runs: all(run.is_finished for run in runs))
    finally:
        daemon.terminate()
        daemon.wait()
    assert run.status is PipelineRunStatus.CANCELED
    assert (
        "its backfill was cancelled"
        in [entry.message for entry in shop.instance.all_logs(run.run_id) if "cancelled" in (entry.message or "")][-1]
    )
    shop.instance.dispose()
