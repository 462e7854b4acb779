"""The scheduler that the machine's cron is."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import DagsterSchedulerError
from core.instance import DagsterInstance
from core.records.external_jobs import ExternalSchedule
from core.records.job import JobStatus
from core.records.origin import (
    ExternalRepositoryOrigin,
    GrpcServerRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.snapshots import RepositorySnapshot, ScheduleSnapshot
from core.scheduler import SystemCronScheduler

COMMAND = Path(sys.executable).parent / "cloudstore"
REAL_CRON = Path(__file__).with_name("real_cron.py")
CRONTAB = """#!/bin/sh
# As the command of Debian's cron, on a file.
if [ "$1" = "-l" ]; then
    [ -f {file} ] || {{ echo "no crontab for me" >&2; exit 1; }}
    exec cat {file}
fi
exec cat > {file}
"""
SHOP = """
from core import SkipReason, pipeline, repository, schedule

@pipeline
def orders():
    pass

@schedule("* * * * *", pipeline_name="orders")
def every_minute(context):
    return SkipReason(f"at {context.scheduled_execution_time:%H:%M}")

@repository
def shop():
    return [orders, every_minute]
"""
SCHEDULER = {"scheduler": {"module": "core.scheduler", "class": "SystemCronScheduler"}}


@pytest.fixture
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The crontab of the user, which somebody has written a line of."""
    program, file = tmp_path / "bin" / "crontab", tmp_path / "the crontab"
    program.parent.mkdir()
    program.write_text(CRONTAB.format(file=f"'{file}'"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    file.write_text("0 1 * * * backup 100%  # mine\n")
    return file


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "a home, 100%"), SCHEDULER) as made:
        yield made


def repository(folder: Path) -> RepositorySnapshot:
    file = folder / "shop.py"
    file.write_text(SHOP)
    target = LoadableTargetOrigin(python_file=str(file), working_directory=str(folder))
    origin = ExternalRepositoryOrigin(ManagedGrpcPythonEnvRepositoryLocationOrigin(target), "shop")
    return RepositorySnapshot("shop", origin, schedules=(ScheduleSnapshot("every_minute", "* * * * *", "orders"),))


def schedule(folder: Path, cron: str = "30 4 * * *", zone: str | None = None) -> ExternalSchedule:
    return ExternalSchedule(repository(folder).origin, ScheduleSnapshot("every_minute", cron, "orders", zone))


def test_a_schedule_that_is_on_has_a_line_and_a_script(
    crontab: Path, instance: DagsterInstance, tmp_path: Path
) -> None:
    wanted = schedule(tmp_path)
    origin_id = wanted.get_external_origin_id()
    for _ in range(2):
        instance.start_schedule_and_update_storage_state(wanted)
    mine, line = crontab.read_text().splitlines()
    assert mine == "0 1 * * * backup 100%  # mine"
    assert line.endswith(f"scheduler.log' 2>&1 # dagster-schedule: {origin_id}")
    assert "%" not in line.replace(r"\%", "")
    script = Path(instance.root_directory, "schedules", "scripts", f"{origin_id}.sh")
    assert stat.S_IMODE(script.stat().st_mode) == 0o700
    assert f"export DAGSTER_HOME='{instance.root_directory}'" in script.read_text()
    assert instance.running_schedule_count(origin_id) == 1
    assert f"schedules/logs/{origin_id}/scheduler.log" in instance.logs_path_for_schedule(origin_id)
    assert instance.scheduler_debug_info().errors == ()
    crontab.write_text(f"{mine}\n")
    [error] = instance.scheduler_debug_info().errors
    assert "'every_minute' is RUNNING, and the scheduler would start it 0 times instead of 1" in error
    instance.reconcile_scheduler_state(repository(tmp_path))
    assert instance.running_schedule_count(origin_id) == 1
    instance.stop_schedule_and_update_storage_state(origin_id)
    assert crontab.read_text() == f"{mine}\n"
    assert not script.exists()
    instance.start_schedule_and_update_storage_state(wanted)
    instance.wipe_all_schedules()
    assert crontab.read_text() == f"{mine}\n"


@pytest.mark.parametrize(
    ("cron", "zone", "line"),
    [
        ("30 4 * * MON-FRI", None, "30 4 * * MON-FRI"),
        ("0 0 1 jul *", None, "0 0 1 jul *"),
        ("*/5 0-12/3 * * *", None, "*/5 0-12/3 * * *"),
        ("30 4 * * *", "Asia/Kathmandu", "* * * * *"),
        ("30 4 L * *", None, "* * * * *"),
        ("30 4 * * 5L", None, "* * * * *"),
        ("30 4 * * MON#1", None, "* * * * *"),
        ("5/10 4 * * *", None, "* * * * *"),
    ],
)
def test_cron_is_told_when_or_calls_each_minute(
    cron: str, zone: str | None, line: str, crontab: Path, instance: DagsterInstance, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("time.localtime", __import__("time").gmtime)  # a machine whose clocks show UTC
    instance.start_schedule_and_update_storage_state(schedule(tmp_path, cron, zone))
    assert crontab.read_text().splitlines()[1].startswith(f"{line} ")


def test_each_time_is_taken_once_however_often_cron_calls(
    crontab: Path, instance: DagsterInstance, tmp_path: Path
) -> None:
    wanted = schedule(tmp_path, "* * * * *")
    state = instance.start_schedule_and_update_storage_state(wanted)
    script = Path(instance.root_directory, "schedules", "scripts", f"{state.job_origin_id}.sh")

    def call() -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPYCACHEPREFIX") if name in os.environ}
        return subprocess.run([str(script)], env=kept, capture_output=True, text=True, timeout=120, check=False)

    data = state.job_specific_data
    long_ago = instance.schedules.now() - 3600
    assert data is not None
    instance.change_job_state(
        state.job_origin_id, lambda seen: state.with_data(type(data)("* * * * *", long_ago, None, None, long_ago))
    )
    first = call()
    assert first.returncode == 0, first.stderr
    [tick] = [json.loads(line) for line in first.stdout.splitlines()]
    assert tick["job_tick_data"]["status"] == "SKIPPED"
    instance.change_job_state(
        state.job_origin_id,
        lambda seen: state.with_data(type(data)("* * * * *", long_ago, None, None, instance.schedules.now() + 3600)),
    )
    assert "'every_minute' is not on, or is not due." in call().stdout
    instance.change_job_state(state.job_origin_id, lambda seen: state.with_status(JobStatus.STOPPED))
    assert "is not on, or is not due." in call().stdout
    assert len(instance.get_job_ticks(state.job_origin_id)) == 1


def test_what_cron_cannot_do_is_told(
    instance: DagsterInstance, tmp_path: Path, crontab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = ExternalRepositoryOrigin(GrpcServerRepositoryLocationOrigin("elsewhere", 4000), "shop")
    with pytest.raises(DagsterSchedulerError, match="'daily' is in a code location that is a server of somebody else"):
        instance.start_schedule_and_update_storage_state(
            ExternalSchedule(served, ScheduleSnapshot("daily", "0 0 * * *", "orders"))
        )
    (crontab.parent / "bin" / "crontab").write_text("#!/bin/sh\necho you are not allowed >&2; exit 1\n")
    with pytest.raises(DagsterSchedulerError, match="The crontab cannot be read: you are not allowed"):
        instance.start_schedule_and_update_storage_state(schedule(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DagsterSchedulerError, match=r"no command `crontab` .* install cron"):
        instance.start_schedule_and_update_storage_state(schedule(tmp_path))
    assert "no command `crontab`" in SystemCronScheduler().debug_info()
    assert instance.all_stored_job_state() == []


@pytest.mark.skipif(
    not os.environ.get("CLOUDSTORE_TEST_FAULTS") or shutil.which("cron") is None or os.geteuid() != 0,
    reason="with CLOUDSTORE_TEST_FAULTS, as root, where Debian's cron is installed: it takes a real minute",
)
def test_debians_cron_starts_a_schedule(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("scheduler: {module: core.scheduler, class: SystemCronScheduler}\n")
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", sys.executable, str(REAL_CRON), str(COMMAND), str(tmp_path)],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["statuses"] == ["SKIPPED"]
    assert said["reason"].startswith("at ")
    assert 0 <= said["lateness"] < 30
