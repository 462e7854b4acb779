"""Compute logs: `S3ComputeLogManager` keeps the output of steps in a bucket. It belongs to the instance, not to a mode.

The section `compute_logs` is the same as in an instance's `dagster.yaml`.
"""

import os
import tempfile
from typing import Any

from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.compute_logs.names import ComputeIOType

BUCKET = os.environ.get("S3_BUCKET", "lab")


def dagster_yaml(local_dir: str) -> dict[str, Any]:
    """The settings, with the local directory for logs on their way; by default all runs share one."""
    config = {"bucket": BUCKET, "prefix": "examples/logs", "local_dir": local_dir}
    return {
        "compute_logs": {"module": "cloudstore.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
    }


@solid
def count_down() -> None:
    for number in (3, 2, 1):
        print(f"{number} ...")


@pipeline
def launch() -> None:
    count_down()


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        DagsterInstance.local_temp(overrides=dagster_yaml(folder)) as instance,
    ):
        result = execute_pipeline(launch, instance=instance)
        log = instance.compute_log_manager.read_logs_file(result.run_id, "count_down", ComputeIOType.STDOUT)
    where = f"s3://{BUCKET}/examples/logs/storage/{result.run_id}/compute_logs/count_down.out"
    print(f"{where}: {(log.data or '').split()}")


if __name__ == "__main__":
    main()
