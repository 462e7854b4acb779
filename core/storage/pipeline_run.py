"""Door to `core.records.pipeline_run`, by the name that users import."""

from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus

__all__ = ["PipelineRun", "PipelineRunStatus", "PipelineRunsFilter"]
