"""Tags that the system sets or reads on runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

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
SCHEDULE_NAME_TAG = "dagster/schedule_name"
SENSOR_NAME_TAG = "dagster/sensor_name"
RUN_KEY_TAG = "dagster/run_key"
PARTITION_NAME_TAG = "dagster/partition"
PARTITION_SET_TAG = "dagster/partition_set"

HIDDEN_TAG_PREFIX = "."  # notes of the system about one run: never shown, and not copied to re-executions
COMPUTE_LOGS_PRUNED_TAG = ".cloudstore/compute_logs_pruned"  # when, in ISO 8601
EVENTS_PRUNED_TAG = ".cloudstore/events_pruned"  # when, in ISO 8601


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
