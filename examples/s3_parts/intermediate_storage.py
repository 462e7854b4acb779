"""Intermediate storage: run config selects where values go (memory, files, a bucket); their type selects the format.

Part of the run is then executed again, with the values that the first run left in the bucket.
"""

import json
import os
from typing import IO, Any

from cloudstore import s3_plus_default_intermediate_storage_defs, s3_resource
from core import (
    DagsterInstance,
    ModeDefinition,
    SerializationStrategy,
    execute_pipeline,
    pipeline,
    reexecute_pipeline,
    solid,
    usable_as_dagster_type,
)

BUCKET = os.environ.get("S3_BUCKET", "lab")


class AsJson(SerializationStrategy):
    def __init__(self) -> None:
        super().__init__("json", write_mode="w", read_mode="r")

    def serialize(self, value: Any, write_file_obj: IO[str]) -> None:
        json.dump(vars(value), write_file_obj)

    def deserialize(self, read_file_obj: IO[str]) -> "Route":
        return Route(**json.load(read_file_obj))


@usable_as_dagster_type(serialization_strategy=AsJson())
class Route:
    def __init__(self, stops: list[str]) -> None:
        self.stops = stops


@solid
def plan_route() -> Route:
    return Route(["Brno", "Wien", "Graz"])


@solid
def describe(route: Route) -> str:
    return " - ".join(route.stops)


MODE = ModeDefinition(
    resource_defs={"s3": s3_resource}, intermediate_storage_defs=s3_plus_default_intermediate_storage_defs
)


@pipeline(mode_defs=[MODE])
def journey() -> None:
    describe(plan_route())


def main() -> None:
    run_config = {"intermediate_storage": {"s3": {"config": {"s3_bucket": BUCKET, "s3_prefix": "examples"}}}}
    with DagsterInstance.local_temp() as instance:
        first = execute_pipeline(journey, run_config, instance=instance)
        again = reexecute_pipeline(journey, first.run_id, step_selection=["describe"], instance=instance)
    print(f"{again.output_for_solid('describe')}: executed {', '.join(again.executed_step_keys)} again", end=" ")
    print(f"on s3://{BUCKET}/examples/storage/{first.run_id}/intermediates/plan_route/result")


if __name__ == "__main__":
    main()
