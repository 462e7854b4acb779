"""The execution plan: every step of a run, in an order that its dependencies allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from core.definitions.dependency import (
    DependencyDefinition,
    DynamicCollectDependencyDefinition,
    MultiDependencyDefinition,
    Solid,
)
from core.definitions.parts.input_output import NO_VALUE, InputDefinition, OutputDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.run_configs.environment import EnvironmentConfig
from core.errors import DagsterInvalidDefinitionError
from core.events.payloads import StepMemoizedData, StepOutputHandle
from core.events.step_keys import template_key
from core.plan.canonical import digest
from core.plan.steps import (
    ExecutionStep,
    FromCollected,
    FromConfig,
    FromDefault,
    FromRootManager,
    FromStepOutput,
    FromStepOutputs,
    StepInput,
)
from core.records.tags import PRIORITY_TAG, cluster_resources, max_runtime_seconds

Over = Mapping[str, DependencyDefinition]
"""Solid key -> the dynamic output that the solid is mapped over."""

Versions = Mapping[StepOutputHandle, str | None]

KnownKeys = Mapping[StepOutputHandle, Sequence[str]]
"""Dynamic output -> the mapping keys of its values."""


def version_of(versions: Versions, handle: StepOutputHandle) -> str | None:
    """The version of an output, or of one of the values of a dynamic output; None where it has none.

    Args:
        versions: of each output; of a dynamic one, that of the list of its mapping keys.
        handle: the output, or the value.
    """
    version = versions.get(StepOutputHandle(handle.step_key, handle.output_name))
    if version is None or handle.mapping_key is None:
        return version
    return digest(("value", version, handle.mapping_key))


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
        mapping_keys: of each dynamic output whose values are known, their keys, in order.
        followers: of each dynamic output, the keys of the templates that are mapped over it, and of the steps that
            collect its values or theirs, in order; those whose mapping keys became known included.
    """

    steps: dict[str, ExecutionStep]
    step_keys_to_execute: tuple[str, ...]
    versions: Versions = {}
    memoized: Mapping[str, StepMemoizedData] = {}
    lost: Mapping[str, str] = {}
    refreshed: frozenset[str] = frozenset()
    is_memoized: bool = False
    mapping_keys: Mapping[StepOutputHandle, Sequence[str]] = {}
    followers: Mapping[StepOutputHandle, Sequence[str]] = {}

    @property
    def steps_to_execute(self) -> list[ExecutionStep]:
        """list[ExecutionStep]: those that are to be executed, in order."""
        return [self.steps[key] for key in self.step_keys_to_execute]

    def version(self, handle: StepOutputHandle) -> str | None:
        """The version of an output, or of one of the values of a dynamic output; None where it has none."""
        return version_of(self.versions, handle)

    def handles(self, step: ExecutionStep) -> list[StepOutputHandle]:
        """What is stored of the outputs of a step: of a dynamic one the list of its keys, and, where they are known,
        each value.
        """
        found = []
        for output in step.outputs:
            found.append(whole := step.handle(output.name))
            found += [step.handle(output.name, key) for key in self.mapping_keys.get(whole, ())]
        return found

    def output_def(self, handle: StepOutputHandle) -> OutputDefinition:
        """The definition of an output."""
        return self.steps[handle.step_key].solid.definition.output_dict[handle.output_name]

    def resource_keys_of(self, step: ExecutionStep) -> set[str]:
        """Keys of the resources that a step needs: of its solid, types, hooks and IO managers."""
        keys = {*step.versioned_resource_keys, *step.type_resource_keys}
        keys.update(*(hook.required_resource_keys for hook in step.hooks))
        keys |= {output.io_manager_key for output in step.outputs}
        return keys | {self.output_def(handle).io_manager_key for handle in step.upstream_handles}

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


def build_plan(pipeline: PipelineDefinition, environment: EnvironmentConfig) -> ExecutionPlan:
    """The whole plan of a pipeline under a checked run config.

    Args:
        pipeline: the pipeline.
        environment: the checked run config.
    """
    steps: dict[str, ExecutionStep] = {}
    for solid in pipeline.leaves:
        step = _step(pipeline, solid, environment)
        steps[step.key] = step
    return ExecutionPlan(steps, tuple(steps), followers=_followers(steps))


def _followers(steps: Mapping[str, ExecutionStep]) -> dict[StepOutputHandle, list[str]]:
    followers: dict[StepOutputHandle, list[str]] = {}
    for key, step in steps.items():
        collected = [each.value_from.handle for each in step.inputs if isinstance(each.value_from, FromCollected)]
        sources = [steps[handle.step_key].mapped_over or handle for handle in collected]
        for source in dict.fromkeys([step.mapped_over, *sources]):
            if source is not None:
                followers.setdefault(source, []).append(key)
    return followers


def _priority(solid: Solid) -> int:
    text = solid.tags.get(PRIORITY_TAG, "0")
    try:
        return int(text)
    except ValueError:
        raise DagsterInvalidDefinitionError(
            f"The tag {PRIORITY_TAG!r} of solid {solid.name!r} must be a whole number; it is {text!r}."
        ) from None


def _step(pipeline: PipelineDefinition, solid: Solid, environment: EnvironmentConfig) -> ExecutionStep:
    over = pipeline.mapped_over
    solid_config = environment.solids[solid.key]
    inputs = tuple(_step_input(each, solid, environment, over) for each in solid.definition.input_defs)
    hooks, retry_policy = pipeline.hooks_of(solid), pipeline.retry_policy_of(solid)
    source = over.get(solid.key)
    key, mapped = (solid.key, None) if source is None else (template_key(solid.key), _handle(source, over))
    priority = _priority(solid)
    most_seconds = max_runtime_seconds(solid.tags, f"solid {solid.name!r}")
    return ExecutionStep(
        key,
        solid,
        solid_config,
        inputs,
        hooks,
        retry_policy,
        mapped,
        priority=priority,
        max_runtime_seconds=most_seconds,
        cluster_resources=cluster_resources(solid.tags, f"solid {solid.name!r}"),
    )


def _step_input(definition: InputDefinition, solid: Solid, environment: EnvironmentConfig, over: Over) -> StepInput:
    feed = solid.feeds.get(definition.name)
    if isinstance(feed, MultiDependencyDefinition):
        return StepInput(definition, FromStepOutputs(tuple(_handle(each, over) for each in feed.dependencies)))
    if isinstance(feed, DynamicCollectDependencyDefinition):
        return StepInput(definition, FromCollected(_handle(feed, over)))
    if feed is not None:
        return StepInput(definition, FromStepOutput(_handle(feed, over)))
    if definition.root_manager_key is not None:
        return StepInput(definition, FromRootManager(definition.root_manager_key))
    of_graph = solid.graph_inputs.get(definition.name)
    key, name = (solid.key, definition.name) if of_graph is None else (of_graph.key, of_graph.name)
    given = environment.solids[key].inputs
    if name in given:
        return StepInput(definition, FromConfig(given[name]))
    if of_graph is not None and of_graph.default is not NO_VALUE:
        return StepInput(definition, FromDefault(of_graph.default))
    if definition.has_default_value:
        return StepInput(definition, FromDefault(definition.default_value))
    return StepInput(definition, None)


def _handle(dependency: DependencyDefinition, over: Over) -> StepOutputHandle:
    key = template_key(dependency.solid) if dependency.solid in over else dependency.solid
    return StepOutputHandle(key, dependency.output)
