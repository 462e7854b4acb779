"""What the IO managers of a run are told of the values they store and load."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from core.definitions.calls.given_resources import Resources
from core.definitions.keeping.io_manager import IOConfig, IOManagerDefinition
from core.events.payloads import StepOutputHandle
from core.execution.opening import OpenRun
from core.log_manager import DagsterLogManager
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep
from core.plan.versions import version_of_absence
from core.types import resolve_dagster_type
from core.values.io_context import InputContext, OutputContext


class IOContexts:
    """Makes contexts of inputs and outputs.

    Args:
        run: the run.
        plan: its plan, with the versions of outputs.
        stamps: what tells values from others at their places, where another process has stored or found them; what this
            one has, its IO managers know themselves.
    """

    def __init__(
        self, run: OpenRun, plan: ExecutionPlan, stamps: Mapping[StepOutputHandle, str] = MappingProxyType({})
    ) -> None:
        self._run = run
        self._plan = plan
        self._stamps = stamps

    def output(
        self, handle: StepOutputHandle, log: DagsterLogManager | None = None, replaces_stored: bool = False
    ) -> OutputContext:
        """The context of an output of the run, made by it or by the run that stands for it.

        Args:
            handle: the output; of a dynamic one a value, or, without a mapping key, the list of its keys.
            log: the step's; the run's by default.
            replaces_stored: whether the value takes the place of one that is stored under the same version.
        """
        step, output_def = self._plan.steps[handle.step_key], self._plan.output_def(handle)
        key, run = output_def.io_manager_key, self._run
        is_list_of_keys = output_def.is_dynamic and handle.mapping_key is None
        return OutputContext(
            step_key=handle.step_key,
            name=handle.output_name,
            pipeline_name=run.prepared.pipeline.name,
            run_id=run.ancestors.run_ids.get(handle.step_key, run.prepared.run.run_id),
            metadata={} if is_list_of_keys else output_def.metadata,
            mapping_key=handle.mapping_key,
            config=_io_config(step.solid_config.storing, handle.output_name, key),
            solid_def=step.solid.definition,
            dagster_type=resolve_dagster_type(None) if is_list_of_keys else output_def.dagster_type,
            log=log or run.log,
            version=self._plan.version(handle),
            resource_config=run.prepared.environment.resources.get(key),
            resources=self._resources_of(key),
            stamp=self._stamps.get(handle),
            replaces_stored=replaces_stored,
        )

    def absence(
        self, handle: StepOutputHandle, log: DagsterLogManager | None = None, replaces_stored: bool = False
    ) -> OutputContext:
        """As `output`, for what is stored in an output's place when the solid did not give it: `False`."""
        context = self.output(handle, log, replaces_stored)
        context.dagster_type, context.metadata = resolve_dagster_type(None), {}
        context.version = None if context.version is None else version_of_absence(context.version)
        return context

    def result(self, handle: StepOutputHandle) -> InputContext:
        """The context for loading the value of an output that no step takes, as a result of the run."""
        upstream, definition = self.output(handle), self._definition(handle)
        return InputContext(
            pipeline_name=upstream.pipeline_name,
            config=definition.default_input_config() if isinstance(definition, IOManagerDefinition) else None,
            upstream_output=upstream,
            dagster_type=upstream.dagster_type,
            log=upstream.log,
            resource_config=upstream.resource_config,
            resources=upstream.resources,
        )

    def input(self, step: ExecutionStep, name: str, handle: StepOutputHandle, log: DagsterLogManager) -> InputContext:
        """The context of a step's input that is fed by an output of the run.

        Args:
            step: the step.
            name: the input.
            handle: the output that feeds it.
            log: the step's.
        """
        upstream, solid_def = self.output(handle, log), step.solid.definition
        input_def = solid_def.input_dict[name]
        return InputContext(
            name=name,
            pipeline_name=upstream.pipeline_name,
            solid_def=solid_def,
            config=_io_config(step.solid_config.loading, name, self._plan.output_def(handle).io_manager_key),
            metadata=input_def.metadata,
            upstream_output=upstream,
            dagster_type=input_def.dagster_type,
            log=log,
            resource_config=upstream.resource_config,
            resources=upstream.resources,
            step_key=step.key,
        )

    def root_input(self, step: ExecutionStep, name: str, key: str, log: DagsterLogManager) -> InputContext:
        """The context of a step's input that a root input manager loads.

        Args:
            step: the step.
            name: the input.
            key: the resource key of the root input manager.
            log: the step's.
        """
        prepared, input_def = self._run.prepared, step.solid.definition.input_dict[name]
        return InputContext(
            name=name,
            pipeline_name=prepared.pipeline.name,
            solid_def=step.solid.definition,
            config=_io_config(step.solid_config.loading, name, key),
            metadata=input_def.metadata,
            dagster_type=input_def.dagster_type,
            log=log,
            resource_config=prepared.environment.resources.get(key),
            resources=self._resources_of(key),
            step_key=step.key,
        )

    def _definition(self, handle: StepOutputHandle) -> object:
        return self._run.resources.definition(self._plan.output_def(handle).io_manager_key)

    def _resources_of(self, key: str) -> Resources:
        definition = self._run.resources.definition(key)
        return self._run.resources.scope(definition.required_resource_keys if definition else frozenset())


def _io_config(configs: Mapping[str, Mapping[str, IOConfig]], name: str, key: str) -> Any:
    config = configs.get(name, {}).get(key)
    return None if config is None else config.value
