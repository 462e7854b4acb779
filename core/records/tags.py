"""Tags that the system sets or reads on runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from core.errors import DagsterInvalidDefinitionError

SYSTEM_TAG_PREFIX = "dagster/"
MEMOIZED_RUN_TAG = "dagster/is_memoized_run"
PARENT_RUN_ID_TAG = "dagster/parent_run_id"
ROOT_RUN_ID_TAG = "dagster/root_run_id"
RESUME_RETRY_TAG = "dagster/is_resume_retry"
STEP_SELECTION_TAG = "dagster/step_selection"
SOLID_SELECTION_TAG = "dagster/solid_selection"
PRESET_NAME_TAG = "dagster/preset_name"
PRIORITY_TAG = "dagster/priority"
MAX_RUNTIME_TAG = "dagster/max_runtime"
CLUSTER_RESOURCES_TAG = "dagster-dask/resource_requirements"
SCHEDULE_NAME_TAG = "dagster/schedule_name"
SENSOR_NAME_TAG = "dagster/sensor_name"
RUN_KEY_TAG = "dagster/run_key"
PARTITION_NAME_TAG = "dagster/partition"
PARTITION_SET_TAG = "dagster/partition_set"
BACKFILL_ID_TAG = "dagster/backfill"

MAX_RETRIES_TAG = "dagster/max_retries"
RETRY_NUMBER_TAG = "dagster/retry_number"

HIDDEN_TAG_PREFIX = "."  # notes of the system about one run: never shown, and not copied to re-executions
GRPC_INFO_TAG = ".dagster/grpc_info"  # the code server that a run was launched by, as JSON
COMPUTE_LOGS_PRUNED_TAG = ".cloudstore/compute_logs_pruned"  # when, in ISO 8601
RESUMES_PARENT_TAG = ".cloudstore/resumes_parent"  # "true": which steps it executes is found out when it begins
SCHEDULED_EXECUTION_TIME_TAG = ".dagster/scheduled_execution_time"  # when the schedule was due, in ISO 8601, UTC
EVENTS_PRUNED_TAG = ".cloudstore/events_pruned"  # when, in ISO 8601


def cluster_resources(tags: Mapping[str, str], named: str) -> dict[str, float]:
    """What something takes of the resources of a cluster's worker, as its tag says.

    Args:
        tags: its tags.
        named: what it is, in messages.

    Raises:
        DagsterInvalidDefinitionError: the tag does not name resources with how much of each.
    """
    text = tags.get(CLUSTER_RESOURCES_TAG)
    if text is None:
        return {}
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    amounts = found.values() if isinstance(found, dict) else [None]
    if not all(
        isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each < math.inf for each in amounts
    ):
        raise DagsterInvalidDefinitionError(
            f"The tag {CLUSTER_RESOURCES_TAG!r} of {named} must say how much it takes of each resource, as "
            f"{{'GPU': 1}}; it is {text!r}."
        )
    return {str(name): float(amount) for name, amount in found.items()}


_HIGHEST_PRIORITY = 2**31 - 1


def priority_of(tags: Mapping[str, str]) -> int:
    """The priority of a run in the queue, by its tag `dagster/priority`; 0 where it has none, or one that is no whole
    number. Higher ones are first.
    """
    try:
        given = int(tags.get(PRIORITY_TAG, "0")[:20])
    except ValueError:
        return 0
    return max(-_HIGHEST_PRIORITY, min(given, _HIGHEST_PRIORITY))


def max_runtime_seconds(tags: Mapping[str, str], named: str) -> float | None:
    """How many seconds something may take, as its tag `dagster/max_runtime` says; None where it has none.

    Args:
        tags: its tags.
        named: what it is, in messages.

    Raises:
        DagsterInvalidDefinitionError: the tag is no number of seconds.
    """
    text = tags.get(MAX_RUNTIME_TAG)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (math.isfinite(seconds) and seconds > 0):
        raise DagsterInvalidDefinitionError(
            f"The tag {MAX_RUNTIME_TAG!r} of {named} must be a number of seconds, above 0; it is {text!r}."
        )
    return seconds
