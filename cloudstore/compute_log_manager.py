"""Door to `cloudstore.compute_logs.manager`, by the name that users import and `dagster.yaml` states."""

from cloudstore.compute_logs.manager import S3ComputeLogManager

__all__ = ["S3ComputeLogManager"]
