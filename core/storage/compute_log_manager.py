"""Door to `core.compute_logs.manager`, by the name that users import and `dagster.yaml` states."""

from core.compute_logs.manager import ComputeLogManager, NoOpComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.compute_logs.pieces import ComputeLogFileData

__all__ = ["ComputeIOType", "ComputeLogFileData", "ComputeLogManager", "NoOpComputeLogManager"]
