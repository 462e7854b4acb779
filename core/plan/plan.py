"""The execution plan: every step of a run, in an order that its dependencies allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from core.config import unknown_name
from core.definitions.dependency import DependencyDefinition, Feed, MultiDependencyDefinition, Solid
from core.definitions.environment import EnvironmentConfig
from core.definitions.input_output import InputDefinition, OutputDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.type_config import LoaderConfig
from core.errors import DagsterExecutionStepNotFoundError
from core.events.payloads import StepMemoizedData, StepOutputHandle
from core.plan.steps import (
    ExecutionStep,
    FromConfig,
    FromDefault,
    FromRootManager,
    FromStepOutput,
    FromStepOutputs,
    StepInput,
)


class ExecutionPlan(msgspec.Struct, frozen=True, eq=False):
    """The steps of a run.

    Attributes:
        steps: every step by key, each after those that feed it.
        step_keys_to_execute: those that are to be executed, in order.
        versions: of each output; None where it has none. See `core.plan.versions`.
        memoized: for each step that is not executed because its outputs are stored, what was found.
        lost: step key -> the address of a value of it that was stored and is gone or damaged.
        refreshed: keys of steps whose new values replace those that are stored.
        is_memoized: whether values that are stored stand for their steps, in a memoized run.
    """

    steps: dict[str, ExecutionStep]
    step_keys_to_execute: tuple[str, ...]
    versions: Mapping[StepOutputHandle, str | None] = {}
    memoized: Mapping[str, StepMemoizedData] = {}
    lost: Mapping[str, str] = {}
    refreshed: frozenset[str] = frozenset()
    is_memoized: bool = False

    @property
    def steps_to_execute(self) -> list[ExecutionStep]:
        """list[ExecutionStep]: those that are to be executed, in order."""
        return [self.steps[key] for key in self.step_keys_to_execute]

    def output_def(self, handle: StepOutputHandle) -> OutputDefinition:
        """The definition of an output."""
        return self.steps[handle.step_key].solid.definition.output_dict[handle.output_name]

    @property
    def not_given(self) -> set[StepOutputHandle]:
        """set[StepOutputHandle]: outputs of memoized steps of which it is stored that they were not given."""
        return {
            found.handle(key) for key, data in self.memoized.items() for found in data.outputs if not found.is_given
        }

    def restricted_to(self, step_keys: Collection[str]) -> ExecutionPlan:
        """The same plan, with only those steps of `step_keys_to_execute` to execute that are in `step_keys`."""
        kept = tuple(key for key in self.step_keys_to_execute if key in step_keys)
        return msgspec.structs.replace(self, step_keys_to_execute=kept)


def build_plan(
    pipeline: PipelineDefinition, environment: EnvironmentConfig, step_keys_to_execute: Sequence[str] | None = None
) -> ExecutionPlan:
    """The plan of a pipeline under a checked run config.

    Args:
        pipeline: the pipeline.
        environment: the checked run config.
        step_keys_to_execute: only these; all by default.

    Raises:
        DagsterExecutionStepNotFoundError: a step key is not one of the plan.
    """
    steps = {solid.name: _step(pipeline, solid, environment) for solid in pipeline.solids}
    unknown = [key for key in step_keys_to_execute or () if key not in steps]
    if unknown:
        raise DagsterExecutionStepNotFoundError(
            f"Pipeline {pipeline.name!r}: {unknown_name('step', unknown[0], steps)}", unknown
        )
    chosen = steps if step_keys_to_execute is None else set(step_keys_to_execute)
    return ExecutionPlan(steps, tuple(key for key in steps if key in chosen))


def _step(pipeline: PipelineDefinition, solid: Solid, environment: EnvironmentConfig) -> ExecutionStep:
    solid_config = environment.solids[solid.name]
    inputs = tuple(
        _step_input(each, solid.feeds.get(each.name), solid_config.inputs) for each in solid.definition.input_defs
    )
    hooks, retry_policy = pipeline.hooks_of(solid), pipeline.retry_policy_of(solid)
    return ExecutionStep(solid.name, solid, solid_config, inputs, hooks, retry_policy)


def _step_input(definition: InputDefinition, feed: Feed | None, given: Mapping[str, LoaderConfig]) -> StepInput:
    if isinstance(feed, MultiDependencyDefinition):
        return StepInput(definition, FromStepOutputs(tuple(_handle(each) for each in feed.dependencies)))
    if feed is not None:
        return StepInput(definition, FromStepOutput(_handle(feed)))
    if definition.root_manager_key is not None:
        return StepInput(definition, FromRootManager(definition.root_manager_key))
    if definition.name in given:
        return StepInput(definition, FromConfig(given[definition.name]))
    if definition.has_default_value:
        return StepInput(definition, FromDefault(definition.default_value))
    return StepInput(definition, None)


def _handle(dependency: DependencyDefinition) -> StepOutputHandle:
    return StepOutputHandle(dependency.solid, dependency.output)
