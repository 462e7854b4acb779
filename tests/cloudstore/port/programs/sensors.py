"""Pipelines that files and clocks ask for, in a repository."""
import datetime
import os

from dagster import (
    PartitionSetDefinition,
    Partition,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    daily_schedule,
    pipeline,
    repository,
    schedule,
    sensor,
    solid,
)


@solid(config_schema={"name": str})
def process(context):
    print("processed", context.solid_config["name"])


@pipeline
def per_file():
    process()


def config_of(name):
    return {"solids": {"process": {"config": {"name": name}}}}


@sensor(pipeline_name="per_file", minimum_interval_seconds=30)
def new_files(_context):
    found = sorted(each for each in os.listdir(".") if each.endswith(".csv"))
    if not found:
        yield SkipReason("no file")
    for name in found:
        yield RunRequest(run_key=name, run_config=config_of(name))


@daily_schedule(pipeline_name="per_file", start_date=datetime.datetime(2021, 1, 1))
def every_day(date):
    return config_of(date.strftime("%Y-%m-%d"))


@schedule(cron_schedule="0 4 * * 1", pipeline_name="per_file")
def mondays(_context):
    return config_of("monday")


hourly = ScheduleDefinition("hourly", "0 * * * *", "per_file", run_config=config_of("hour"))

letters = PartitionSetDefinition(
    "letters",
    "per_file",
    partition_fn=lambda: [Partition("a"), Partition("b")],
    run_config_fn_for_partition=lambda partition: config_of(partition.value),
)


@repository
def files():
    return {
        "pipelines": {"per_file": lambda: per_file},
        "schedules": {"every_day": lambda: every_day, "mondays": lambda: mondays, "hourly": lambda: hourly},
        "sensors": {"new_files": lambda: new_files},
        "partition_sets": {"letters": lambda: letters},
    }
