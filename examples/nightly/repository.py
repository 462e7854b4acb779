"""The flights pipeline by a schedule, and by a sensor that looks for questions in a bucket.

A run has a tag `bucket`, which says where its values are kept: the queue in `dagster.yaml` counts by it.
"""

import os
from datetime import datetime, time
from typing import Any

from cloudstore import s3_keys_sensor
from core import (
    PipelineDefinition,
    RunRequest,
    ScheduleDefinition,
    SensorDefinition,
    SensorEvaluationContext,
    daily_schedule,
    repository,
)
from examples.flights.pipeline import flights

BUCKET = os.environ["FLIGHTS_BUCKET"]
ASKED = "asked/"


def config_of(bucket: str, **solids: dict[str, Any]) -> dict[str, Any]:
    """The run config of mode `s3`: where values are kept, and the config of solids."""
    where = {"config": {"s3_bucket": bucket, "s3_prefix": "flights"}}
    return {
        "solids": {name: {"config": config} for name, config in solids.items()},
        "resources": {"file_manager": where, "io_manager": where},
        "loggers": {"console": {"config": {"log_level": "WARNING"}}},
    }


@daily_schedule(
    "flights", datetime(2013, 1, 1), execution_time=time(4), mode="s3", tags_fn_for_date=lambda _day: {"bucket": BUCKET}
)
def nightly(day: datetime) -> dict[str, Any]:
    """The months of this year so far. What did not change since the last night is found in the bucket."""
    return config_of(BUCKET, clean_flights={"months": list(range(1, day.month + 1))})


@s3_keys_sensor(BUCKET, "flights", prefix=ASKED, mode="s3", minimum_interval_seconds=3600)
def asked(_context: SensorEvaluationContext, key: str) -> RunRequest:
    """A key is a question: its number, the bucket for the answer, and how many flights a carrier must have."""
    number, bucket, minimum = key.removeprefix(ASKED).split("/")
    config = config_of(bucket, clean_flights={"months": [1]}, delays_by_carrier={"min_flights": int(minimum)})
    return RunRequest(number, config, {"bucket": bucket})


@repository
def nights() -> list[PipelineDefinition | ScheduleDefinition | SensorDefinition]:
    """What the daemon is to know."""
    return [flights, nightly, asked]
