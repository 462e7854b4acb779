"""The run, on its machine: on the cluster first, and then in this one process, to compare the values.

It tells `demo.py` what happens, a JSON object a line.

python run.py ADDRESS RESAMPLES
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flights.pipeline import flights_by_month  # type: ignore[import-not-found]  # as `machines.py` installs it
from pandas import DataFrame

from core import DagsterEvent, DagsterInstance, PipelineExecutionResult, execute_pipeline, reconstructable

TOLD = {"STEP_START", "STEP_RESTARTED", "STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}


def main(address: str, resamples: int) -> None:
    """Executes the pipeline twice.

    Args:
        address: of the scheduler of the cluster.
        resamples: how often each month is drawn anew.
    """
    bucket = {"s3_bucket": {"env": "FLIGHTS_BUCKET"}}
    common = {
        "solids": {"delays_of_month": {"config": {"resamples": resamples}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    on_cluster = {
        **common,
        "execution": {"dask": {"config": {"cluster": {"existing": {"address": address}}}}},
        "resources": {"file_manager": {"config": bucket}, "io_manager": {"config": bucket}},
    }
    here = {name: {"config": {"base_dir": str(Path("values", name))}} for name in ("file_manager", "io_manager")}
    with DagsterInstance.get() as instance:
        instance.compute_log_manager.echo = lambda _chunk: None
        pipeline = reconstructable(flights_by_month)
        result = execute_pipeline(pipeline, on_cluster, "s3", instance=instance, on_event=tell, raise_on_error=False)
        if not result.success:
            return
        tell_it(what="executed")
        local = execute_pipeline(flights_by_month, {**common, "resources": here}, "local", instance=instance)
    tell_it(what="compared", are_equal=are_equal(months(result), months(local)), table=str(ranking(result).round(2)))


def tell(event: DagsterEvent) -> None:
    """Tells of an event of a step."""
    if event.event_type_value in TOLD:
        tell_it(what=event.event_type_value, step=event.step_key, message=event.message)


def tell_it(**told: Any) -> None:
    """Tells anything."""
    print(json.dumps(told), flush=True)


def ranking(result: PipelineExecutionResult) -> DataFrame:
    """The last value of the pipeline."""
    found: DataFrame = result.output_for_solid("rank_months")
    return found


def months(result: PipelineExecutionResult) -> dict[str, DataFrame]:
    """All values with delays: those of each month, and their ranking."""
    by_month: dict[str, DataFrame] = result.output_for_solid("delays_of_month")
    return {**by_month, "all": ranking(result)}


def are_equal(some: dict[str, DataFrame], others: dict[str, DataFrame]) -> bool:
    """Whether all values are the same, to the last bit."""
    return some.keys() == others.keys() and all(some[key].equals(others[key]) for key in some)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
