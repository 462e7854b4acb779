"""Door to `core.compute_logs.manager`, by the name that users import and `dagster.yaml` states."""

from core.compute_logs.manager import ComputeIOType, ComputeLogFileData, ComputeLogManager, NoOpComputeLogManager

__all__ = ["ComputeIOType", "ComputeLogFileData", "ComputeLogManager", "NoOpComputeLogManager"]
