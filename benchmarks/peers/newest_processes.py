"""Trivial steps of the newest Dagster in processes of their own, two at a time. Runs in `.venv-peers` alone.

argv: how many steps. Prints milliseconds a step, and seconds from the start of the run to that of the first step.
"""

import json
import sys
import tempfile

from dagster import DagsterInstance, execute_job, job, multiprocess_executor, op, reconstructable


@op
def one() -> int:
    return 1


@job(executor_def=multiprocess_executor.configured({"max_concurrent": 2}))
def wide() -> None:
    for number in range(int(sys.argv[1])):
        one.alias(f"one_{number}")()


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        result = execute_job(reconstructable(wide), instance=instance)
        assert result.success
        entries = [entry for entry in instance.all_logs(result.run_id) if entry.dagster_event is not None]
    times = {
        kind: [each.timestamp for each in entries if each.dagster_event.event_type_value == kind]
        for kind in ("PIPELINE_START", "STEP_START", "STEP_SUCCESS")
    }
    begun, ended = min(times["STEP_START"]), max(times["STEP_SUCCESS"])
    print(
        json.dumps(
            {"ms": (ended - begun) / int(sys.argv[1]) * 1000, "first_seconds": begun - times["PIPELINE_START"][0]}
        )
    )


if __name__ == "__main__":
    main()
