"""Door to `core.compute_logs.local`, by the name that users import and `dagster.yaml` states."""

from core.compute_logs.local import LocalComputeLogManager

__all__ = ["LocalComputeLogManager"]
