"""What every context of a solid's function has, in a run and outside of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from core.log_manager import DagsterLogManager


class AbstractComputeExecutionContext(ABC):
    """What a solid's function gets as `context`, whoever calls it; to annotate functions that take either."""

    @property
    @abstractmethod
    def solid_config(self) -> Any:
        """The solid's config, with defaults and environment variables in place."""

    @property
    @abstractmethod
    def resources(self) -> Any:
        """The resources that the solid requires, as attributes."""

    @property
    @abstractmethod
    def log(self) -> DagsterLogManager:
        """DagsterLogManager: logs for the step."""

    @property
    @abstractmethod
    def run_id(self) -> str:
        """str: the id of the run."""

    @property
    @abstractmethod
    def pipeline_run(self) -> Any:
        """PipelineRun: the run."""

    @property
    @abstractmethod
    def pipeline_def(self) -> Any:
        """PipelineDefinition: the pipeline."""

    @property
    @abstractmethod
    def solid_def(self) -> Any:
        """SolidDefinition: the solid."""

    @property
    @abstractmethod
    def solid(self) -> Any:
        """Solid: the solid in its place in the pipeline."""

    @abstractmethod
    def has_tag(self, key: str) -> bool:
        """Whether the run has a tag."""

    @abstractmethod
    def get_tag(self, key: str) -> str | None:
        """The value of a tag of the run, or None."""
