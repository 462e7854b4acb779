"""Tags of runs: the name that users import and configuration files state; what it stands for is in `core.records.tags`."""

from core.records.tags import (
    COMPUTE_LOGS_PRUNED_TAG,
    EVENTS_PRUNED_TAG,
    HIDDEN_TAG_PREFIX,
    MEMOIZED_RUN_TAG,
    PARENT_RUN_ID_TAG,
    PRESET_NAME_TAG,
    PRIORITY_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_ID_TAG,
    SOLID_SELECTION_TAG,
    STEP_SELECTION_TAG,
    SYSTEM_TAG_PREFIX,
)

__all__ = [
    "COMPUTE_LOGS_PRUNED_TAG",
    "EVENTS_PRUNED_TAG",
    "HIDDEN_TAG_PREFIX",
    "MEMOIZED_RUN_TAG",
    "PARENT_RUN_ID_TAG",
    "PRESET_NAME_TAG",
    "PRIORITY_TAG",
    "RESUME_RETRY_TAG",
    "ROOT_RUN_ID_TAG",
    "SOLID_SELECTION_TAG",
    "STEP_SELECTION_TAG",
    "SYSTEM_TAG_PREFIX",
]
