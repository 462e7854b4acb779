"""The state of a run while it is executed, and what user code sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config import unknown_name
from core.definitions.dependency import Solid
from core.definitions.environment import EnvironmentConfig
from core.definitions.io_manager import IOConfig, IOManagerDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.solid import SolidDefinition
from core.errors import DagsterInvariantViolationError
from core.events.payloads import EventSpecificData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.ancestors import Ancestors
from core.execution.resources import Resources, RunResources
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep
from core.plan.versions import version_of_absence
from core.records.pipeline_run import PipelineRun
from core.serdes import SerializableErrorInfo
from core.types import resolve_dagster_type
from core.usage import UsageMeter
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager


class PipelineContext:
    """One run being executed.

    Attributes:
        pipeline_def: the pipeline.
        mode_def: the mode.
        pipeline_run: the run.
        environment_config: the checked run config.
        instance: the instance.
        execution_plan: the whole plan of the run.
        log: logs for the run.
        resources: its resources.
        usage: what it asks of remote storage.
        raise_on_error: whether the first error ends the run and is raised.
        ancestors: what stands for the steps that this run does not execute.
    """

    def __init__(
        self,
        pipeline_def: PipelineDefinition,
        mode_def: ModeDefinition,
        pipeline_run: PipelineRun,
        environment_config: EnvironmentConfig,
        instance: DagsterInstance,
        execution_plan: ExecutionPlan,
        log: DagsterLogManager,
        resources: RunResources,
        usage: UsageMeter,
        raise_on_error: bool,
        ancestors: Ancestors,
    ) -> None:
        self.pipeline_def = pipeline_def
        self.mode_def = mode_def
        self.pipeline_run = pipeline_run
        self.environment_config = environment_config
        self.instance = instance
        self.execution_plan = execution_plan
        self.log = log
        self.resources = resources
        self.usage = usage
        self.raise_on_error = raise_on_error
        self.ancestors = ancestors

    @property
    def run_id(self) -> str:
        """str: the id of the run."""
        return self.pipeline_run.run_id

    @property
    def pipeline_name(self) -> str:
        """str: the name of the pipeline."""
        return self.pipeline_def.name

    def record(
        self,
        event_type: str,
        message: str,
        data: EventSpecificData | None = None,
        error: SerializableErrorInfo | None = None,
        level: int | None = None,
    ) -> DagsterEvent:
        """Records an event about the run as a whole."""
        event = DagsterEvent(event_type, self.pipeline_name, message, event_specific_data=data)
        self.log.log_dagster_event(event, error, level)
        return event

    def step_context(self, step: ExecutionStep) -> StepContext:
        """The context of one of the run's steps."""
        return StepContext(self, step)

    def io_manager(self, key: str) -> IOManager:
        """The IO manager under a resource key; raises DagsterInvariantViolationError when it is something else."""
        manager = self.resources.get(key)
        if not isinstance(manager, IOManager):
            raise DagsterInvariantViolationError(
                f"The resource {key!r} is used as an IO manager and is a {type(manager).__name__}, no IOManager."
            )
        return manager

    def output_context(self, handle: StepOutputHandle, log: DagsterLogManager | None = None) -> OutputContext:
        """What an IO manager is told of an output of the run, made by it or by the run that stands for it."""
        step = self.execution_plan.steps[handle.step_key]
        output_def = self.execution_plan.output_def(handle)
        key = output_def.io_manager_key
        return OutputContext(
            step_key=handle.step_key,
            name=handle.output_name,
            pipeline_name=self.pipeline_name,
            run_id=self.ancestors.run_ids.get(handle.step_key, self.run_id),
            metadata=output_def.metadata,
            mapping_key=handle.mapping_key,
            config=_io_config(step.solid_config.storing, handle.output_name, key),
            solid_def=step.solid.definition,
            dagster_type=output_def.dagster_type,
            log=log or self.log,
            version=self.execution_plan.versions.get(handle),
            resource_config=self.environment_config.resources.get(key),
            resources=self._resources_of(key),
            replaces_stored=handle.step_key in self.execution_plan.refreshed,
        )

    def absence_context(self, handle: StepOutputHandle, log: DagsterLogManager | None = None) -> OutputContext:
        """As `output_context`, for what is stored in an output's place when the solid did not give it: `False`."""
        context = self.output_context(handle, log)
        context.dagster_type, context.metadata = resolve_dagster_type(None), {}
        context.version = None if context.version is None else version_of_absence(context.version)
        return context

    def _resources_of(self, key: str) -> Resources:
        definition = self.resources.definition(key)
        return self.resources.scope(definition.required_resource_keys if definition else frozenset())

    def input_context(
        self, handle: StepOutputHandle, step_context: StepContext | None = None, name: str | None = None
    ) -> InputContext:
        """What an IO manager is told of an input that is fed by an output of the run."""
        upstream = self.output_context(handle, step_context.log if step_context else None)
        input_def = step_context.solid_def.input_dict[name] if step_context and name else None
        key = self.execution_plan.output_def(handle).io_manager_key
        if step_context and name:
            config = _io_config(step_context.step.solid_config.loading, name, key)
        else:
            definition = self.resources.definition(key)
            config = definition.default_input_config() if isinstance(definition, IOManagerDefinition) else None
        return InputContext(
            name=name,
            pipeline_name=self.pipeline_name,
            solid_def=step_context.solid_def if step_context else None,
            config=config,
            metadata=input_def.metadata if input_def else None,
            upstream_output=upstream,
            dagster_type=input_def.dagster_type if input_def else upstream.dagster_type,
            log=upstream.log,
            resource_config=upstream.resource_config,
            resources=upstream.resources,
            step_key=step_context.step.key if step_context else None,
        )


def _io_config(configs: Mapping[str, Mapping[str, IOConfig]], name: str, key: str) -> Any:
    config = configs.get(name, {}).get(key)
    return None if config is None else config.value


class StepContext:
    """One step being executed."""

    def __init__(self, pipeline_context: PipelineContext, step: ExecutionStep) -> None:
        self.pipeline_context = pipeline_context
        self.step = step
        self.solid_def: SolidDefinition = step.solid.definition
        self.log = pipeline_context.log.with_tags(
            step_key=step.key, solid=step.solid.name, solid_definition=self.solid_def.name
        )

    @property
    def resources(self) -> Resources:
        """Resources: those that the solid requires; type checks have them too."""
        return self.pipeline_context.resources.scope(self.solid_def.required_resource_keys)

    def record(
        self,
        event_type: str,
        message: str,
        data: EventSpecificData | None = None,
        error: SerializableErrorInfo | None = None,
        level: int | None = None,
    ) -> DagsterEvent:
        """Records an event about the step."""
        context, step = self.pipeline_context, self.step
        event = DagsterEvent(event_type, context.pipeline_name, message, step.key, step.solid.name, data)
        self.log.log_dagster_event(event, error, level)
        return event


class SolidExecutionContext:
    """What a solid's function gets as `context`."""

    def __init__(self, step_context: StepContext) -> None:
        self._step_context = step_context
        self._pipeline_context = step_context.pipeline_context
        self._resources: Resources | None = None

    @property
    def solid_config(self) -> Any:
        """The solid's config, with defaults and environment variables in place."""
        return self._step_context.step.solid_config.config

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
