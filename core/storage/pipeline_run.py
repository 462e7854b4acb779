"""Runs as storages keep them: the name that users import and configuration files state; what it stands for is in `core.records.pipeline_run`."""

from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus

__all__ = ["PipelineRun", "PipelineRunStatus", "PipelineRunsFilter"]
