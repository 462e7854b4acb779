"""What a solid's function is told."""

from __future__ import annotations

from typing import Any

from core.config import unknown_name
from core.definitions.calls.compute_context import AbstractComputeExecutionContext
from core.definitions.calls.given_resources import Resources
from core.definitions.dependency import Solid
from core.definitions.mode import ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.solid import SolidDefinition
from core.execution.contexts.step import StepContext
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager
from core.records.pipeline_run import PipelineRun


class SolidExecutionContext(AbstractComputeExecutionContext):
    """What a solid's function gets as `context`.

    Example:
        >>> from core import SolidExecutionContext, execute_solid, solid
        >>> @solid(config_schema={"city": str})
        ... def forecast(context: SolidExecutionContext):
        ...     context.log.debug("asking for the weather")
        ...     return context.solid_config["city"], context.get_tag("team"), context.step_key
        >>> run_config = {"solids": {"forecast": {"config": {"city": "Oslo"}}}}
        >>> execute_solid(forecast, run_config=run_config, tags={"team": "weather"}).output_value()
        ('Oslo', 'weather', 'forecast')
    """

    def __init__(self, step_context: StepContext) -> None:
        self._step_context = step_context
        self._pipeline_context = step_context.pipeline_context
        self._resources: Resources | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of step {self.step_key!r}>"

    @property
    def solid_config(self) -> Any:
        """The solid's config, with defaults and environment variables in place."""
        return self._step_context.solid_config

    @property
    def resources(self) -> Any:
        """The resources that the solid requires, as attributes."""
        if self._resources is None:
            self._resources = self._step_context.resources
        return self._resources

    @property
    def log(self) -> DagsterLogManager:
        """DagsterLogManager: logs for the step."""
        return self._step_context.log

    @property
    def run_id(self) -> str:
        """str: the id of the run."""
        return self._pipeline_context.run_id

    @property
    def pipeline_run(self) -> PipelineRun:
        """PipelineRun: the run."""
        return self._pipeline_context.pipeline_run

    @property
    def run_config(self) -> dict[str, Any]:
        """dict: the run config as it was given."""
        return self.pipeline_run.run_config

    @property
    def instance(self) -> DagsterInstance:
        """DagsterInstance: the instance."""
        return self._pipeline_context.instance

    @property
    def pipeline_def(self) -> PipelineDefinition:
        """PipelineDefinition: the pipeline."""
        return self._pipeline_context.pipeline_def

    @property
    def pipeline_name(self) -> str:
        """str: the name of the pipeline."""
        return self._pipeline_context.pipeline_name

    @property
    def mode_def(self) -> ModeDefinition:
        """ModeDefinition: the mode."""
        return self._pipeline_context.mode_def

    @property
    def solid_def(self) -> SolidDefinition:
        """SolidDefinition: the solid."""
        return self._step_context.solid_def

    @property
    def solid(self) -> Solid:
        """Solid: the solid in its place in the pipeline; `solid.name` is its alias there."""
        return self._step_context.step.solid

    @property
    def step_key(self) -> str:
        """str: the key of the step."""
        return self._step_context.step.key

    @property
    def retry_number(self) -> int:
        """int: how often the step was run again before, because it failed; 0 in the first attempt."""
        return self._step_context.attempt.retries

    def get_mapping_key(self) -> str | None:
        """The key of the value of a dynamic output for which the step is executed; None where there is none."""
        return self._step_context.step.mapping_key

    def has_tag(self, key: str) -> bool:
        """Whether the run has a tag."""
        return key in self.pipeline_run.tags

    def get_tag(self, key: str) -> str | None:
        """The value of a tag of the run, or None."""
        return self.pipeline_run.tags.get(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        raise AttributeError(f"`context`: {unknown_name('attribute', name, known)}")


class TypeContext(SolidExecutionContext):
    """What the loader or the materializer of a type gets as `context`: what the solid gets, and its own resources.

    Args:
        step_context: the step.
        keys: the resources that it requires.
    """

    def __init__(self, step_context: StepContext, keys: frozenset[str]) -> None:
        super().__init__(step_context)
        self._keys = keys

    @property
    def resources(self) -> Any:
        """The resources that the solid and the loader or materializer require, as attributes."""
        return self._step_context.resources_with(self._keys)
