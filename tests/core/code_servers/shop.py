"""A code location: a repository with one of everything, and functions that go wrong in every way."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from datetime import datetime
from typing import Any

from core import (
    ModeDefinition,
    PartitionSetDefinition,
    PresetDefinition,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    daily_schedule,
    fs_io_manager,
    pipeline,
    repository,
    schedule,
    sensor,
    solid,
)

_STORED = ModeDefinition(resource_defs={"io_manager": fs_io_manager})


@solid(config_schema={"city": str})
def load(context: Any) -> str:
    print("loading", context.solid_config["city"])
    return str(context.solid_config["city"])


@pipeline(
    mode_defs=[_STORED, ModeDefinition("dry", resource_defs={"io_manager": fs_io_manager})],
    preset_defs=[PresetDefinition("oslo", {"solids": {"load": {"config": {"city": "Oslo"}}}}, mode="dry")],
    tags={"team": "a"},
)
def orders() -> None:
    """Orders of a city."""
    load()


def _config(city: str) -> dict[str, Any]:
    return {"solids": {"load": {"config": {"city": city}}}}


@schedule("0 6 * * *", pipeline_name="orders", execution_timezone="Europe/Berlin", environment_vars={"CITY": "Rome"})
def mornings(context: Any) -> Any:
    """Every morning."""
    at = f"{context.scheduled_execution_time:%H:%M}"
    return RunRequest(at, _config(os.environ["CITY"]), {"at": at})


@daily_schedule(pipeline_name="orders", start_date=datetime(2021, 5, 1))
def days(date: datetime) -> dict[str, Any]:
    return _config(f"{date:%Y-%m-%d}")


@sensor(pipeline_name="orders", minimum_interval_seconds=5)
def new_files(context: Any) -> Any:
    if context.cursor == "c":
        return SkipReason("There is no new file.")
    context.update_cursor("c")
    return [RunRequest(f"{context.cursor} after {context.last_run_key}"), RunRequest(str(context.last_completion_time))]


@sensor(pipeline_name="orders")
def counts(context: Any) -> Any:
    return SkipReason(f"{context.instance.get_runs_count()} runs")


@sensor(pipeline_name="orders")
def raises(context: Any) -> Any:
    raise LookupError("no such bucket")


@sensor(pipeline_name="orders")
def not_json(context: Any) -> Any:
    return RunRequest("a", {"at": object()})


@sensor(pipeline_name="orders")
def hangs(context: Any) -> Any:
    threading.Event().wait()


@sensor(pipeline_name="orders")
def exits(context: Any) -> Any:
    os._exit(3)


@sensor(pipeline_name="orders")
def leaves(context: Any) -> Any:
    raise SystemExit(4)


@sensor(pipeline_name="orders")
def is_killed(context: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@sensor(pipeline_name="orders")
def starts_a_process(context: Any) -> Any:
    return SkipReason(str(subprocess.Popen(["sleep", "600"]).pid))


@sensor(pipeline_name="orders")
def forks(context: Any) -> Any:
    if not os.fork():
        return SkipReason("the child")
    return SkipReason("the parent")


@sensor(pipeline_name="orders")
def closes_descriptors(context: Any) -> Any:
    os.closerange(0, 100)
    return SkipReason("closed")


@sensor(pipeline_name="orders")
def says_much(context: Any) -> Any:
    return SkipReason("x" * 5_000_000)


@sensor(pipeline_name="orders")
def draws(context: Any) -> Any:
    return SkipReason(str(random.random()))


cities = PartitionSetDefinition(
    "cities",
    "orders",
    lambda: ["Oslo", "Rome"],
    run_config_fn_for_partition=lambda city: _config(city.value),
    tags_fn_for_partition=lambda city: {"city": city.value},
)
plain = ScheduleDefinition("plain", "* * * * *", "orders", run_config=_config("Bern"), solid_selection=["load"])


@repository
def shop() -> Any:
    sensors = [new_files, counts, raises, not_json, hangs, exits, leaves, is_killed]
    sensors += [starts_a_process, forks, closes_descriptors, says_much, draws]
    return [orders, mornings, days, plain, cities, *sensors]
