"""Schedules, sensors and backfills by command."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from core.instance import DagsterInstance
from core.records.job import JobTickData, JobTickStatus, JobType
from core.serdes import SerializableErrorInfo
from tests.core.code_servers.conftest import Served

if TYPE_CHECKING:
    from conftest import Project

SHOP = """
from datetime import datetime
from core import RunRequest, daily_schedule, pipeline, repository, schedule, sensor, solid

@solid(config_schema={"day": str})
def load(context):
    return context.solid_config["day"]

@pipeline
def orders():
    load()

def config_of(day):
    return {"solids": {"load": {"config": {"day": day}}}}

@schedule("0 6 29 2 *", pipeline_name="orders", execution_timezone="Europe/Berlin")
def leap_days(context):
    return config_of(f"{context.scheduled_execution_time:%m-%d}")

@schedule("* * * * *", pipeline_name="orders")
def broken(context):
    raise ValueError("no such table")

@daily_schedule("orders", start_date=datetime(2021, 5, 1), end_date=datetime(2021, 6, 1))
def every_day(day):
    return config_of(f"{day:%Y-%m-%d}")

@sensor(pipeline_name="orders")
def new_files(context):
    context.update_cursor("c")
    yield RunRequest("a after " + (context.last_run_key or ""), config_of(context.cursor))

@repository
def shop():
    return [orders, leap_days, every_day, new_files, broken]
"""


@pytest.fixture
def shop(project: Project) -> Iterator[Project]:
    """A project whose commands ask one server: to start another for each takes a second."""
    served = Served(("-f", str(project.write("shop.py", SHOP)), "--port", "0"), project.folder)
    project.write("workspace.yaml", f"load_from:\n- grpc_server: {{port: {served.told['port']}}}\n")
    yield project
    assert served.close() == ""


def rows(done: subprocess.CompletedProcess[str]) -> dict[str, list[str]]:
    """The cells of a table, by the first one."""
    assert done.returncode == 0, done.stderr
    found = [[each.strip() for each in line.strip("│").split("│")] for line in done.stdout.splitlines() if "│" in line]
    return {row[0]: row[1:] for row in found}


def said(project: Project, *command: str) -> str:
    done = project.command(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(project: Project, *command: str) -> str:
    done = project.command(*command)
    assert done.returncode != 0
    return done.stderr


def test_schedules_are_turned_on_and_off(shop: Project) -> None:
    assert said(shop, "schedule", "preview") == "+ broken: new, off\n+ every_day: new, off\n+ leap_days: new, off\n"
    assert said(shop, "schedule", "up") == "+ broken: new, off\n+ every_day: new, off\n+ leap_days: new, off\n"
    assert said(shop, "schedule", "start", "leap_days") == "Schedule 'leap_days' is on.\n"
    assert said(shop, "schedule", "start", "shop.leap_days") == "Schedule 'leap_days' was on already.\n"
    [row] = rows(shop.command("schedule", "list", "--running")).items()
    assert row[0] == "leap_days"
    assert row[1][:5] == ["shop", "orders", "0 6 29 2 *", "Europe/Berlin", "RUNNING"]
    assert re.fullmatch(r"20\d\d-02-29 06:00:00", row[1][5])
    assert set(rows(shop.command("schedule", "list", "--stopped"))) == {"broken", "every_day"}
    shop.write("shop.py", SHOP.replace("0 6 29 2 *", "0 7 29 2 *"))
    said(shop, "workspace", "reload")
    assert said(shop, "schedule", "preview") == "~ leap_days: 0 7 29 2 * (Europe/Berlin) from now on\n"
    assert said(shop, "schedule", "restart", "--restart-all-running") == "Schedule 'leap_days' is on again.\n"
    assert said(shop, "schedule", "stop", "leap_days") == "Schedule 'leap_days' is off.\n"
    assert "leap_days: STOPPED" in said(shop, "schedule", "debug")
    assert "unknown schedule 'leap_day'; did you mean 'leap_days'?" in refused(shop, "schedule", "stop", "leap_day")
    assert "3 schedules and sensors are forgotten" in said(shop, "schedule", "wipe", "--yes")


def test_a_schedule_is_tried_by_a_server_of_the_command(project: Project) -> None:
    project.write("shop.py", SHOP)
    project.write("workspace.yaml", "load_from:\n- python_file: shop.py\n")
    shown = said(project, "schedule", "preview", "leap_days")
    assert re.match(r"20\d\d-02-29 06:00 CET\n", shown)
    assert 'config: {"solids":{"load":{"config":{"day":"02-29"}}}}' in shown
    error = refused(project, "schedule", "preview", "broken")
    assert 'raise ValueError("no such table")' in error
    assert "asked for schedule 'broken'" in error


def test_what_came_of_a_schedule_is_shown(shop: Project) -> None:
    said(shop, "schedule", "start", "leap_days")
    assert "was not due yet" in said(shop, "schedule", "logs", "leap_days")
    with DagsterInstance.from_config(str(shop.home)) as instance:
        [state] = instance.all_stored_job_state()
        error = SerializableErrorInfo("E: no such table\n", ("  File shop.py, line 7\n",))
        for at, status, more in (
            (1.0, JobTickStatus.SUCCESS, {"run_ids": ["0123456789"]}),
            (2.0, JobTickStatus.SKIPPED, {"skip_reason": "It is a holiday."}),
            (3.0, JobTickStatus.FAILURE, {"error": error}),
        ):
            instance.create_job_tick(
                JobTickData(state.job_origin_id, "leap_days", JobType.SCHEDULE, status, at, **more)  # type: ignore[arg-type]
            )
    shown = said(shop, "schedule", "logs", "leap_days")
    order = [shown.index(each) for each in ("no such table", "It is a holiday.", "01234567 ", "File shop.py, line 7")]
    assert order == sorted(order)


def test_a_sensor_is_turned_on_asked_and_sent_back(shop: Project) -> None:
    assert said(shop, "sensor", "start", "new_files") == "Sensor 'new_files' is on.\n"
    shown = said(shop, "sensor", "preview", "new_files", "--last_run_key", "z")
    assert "asks for 1 run." in shown
    assert "key: a after z" in shown
    assert "Its cursor would be 'c'." in shown
    assert said(shop, "sensor", "cursor", "new_files") == "Sensor 'new_files' has no cursor.\n"
    assert said(shop, "sensor", "cursor", "new_files", "--set", "b") == "Its cursor is 'b' now.\n"
    [row] = rows(shop.command("sensor", "list")).values()
    assert row == ["shop", "orders", "30", "RUNNING", "b"]
    assert said(shop, "sensor", "cursor", "new_files", "--delete") == "Sensor 'new_files' has no cursor now.\n"
    assert said(shop, "sensor", "stop", "new_files") == "Sensor 'new_files' is off.\n"
    assert "was not asked yet" in said(shop, "sensor", "logs", "new_files")


def test_a_backfill_is_asked_for_followed_and_cancelled(shop: Project) -> None:
    asked = said(
        shop, "backfill", "run", "every_day_partitions", "--from", "2021-05-03", "--to", "2021-05-06", "--name", "may"
    )
    assert "Backfill may is asked for: 4 partitions of 'every_day_partitions', 2021-05-03 to 2021-05-06." in asked
    assert rows(shop.command("backfill", "list"))["may"][:3] == ["every_day_partitions", "REQUESTED", "0/4"]
    shown = shop.command("backfill", "status", "may")
    assert [row[1] for row in rows(shown).values()] == ["REQUESTED"] * 4
    assert said(shop, "backfill", "cancel", "may").startswith("Backfill may is cancelled;")
    assert "'may' has ended already: it is CANCELED" in refused(shop, "backfill", "cancel", "may")
    assert [row[1] for row in rows(shop.command("backfill", "status", "may")).values()] == ["not submitted"] * 4
    assert "unknown backfill 'mai'; did you mean 'may'?" in refused(shop, "backfill", "status", "mai")
    error = refused(shop, "backfill", "run", "every_day_partitions", "--partitions", "2021-05-32")
    assert "no partition '2021-05-32'; it has 31, 2021-05-01 to 2021-05-31." in error
    assert "Say which partitions" in refused(shop, "backfill", "run", "every_day_partitions")
    assert "already; choose another id" in refused(
        shop, "backfill", "run", "every_day_partitions", "--all", "--name", "may"
    )
