"""The assets that outputs stand for: which ones, and what they were made from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.errors import DagsterExecutionHandleOutputError, DagsterInvariantViolationError, user_code_error_boundary
from core.events.payloads import AssetLineageInfo, StepOutputHandle
from core.events.user_events import AssetKey
from core.execution.contexts.step import StepContext
from core.values.io_context import InputContext


class OutputAsset(msgspec.Struct, frozen=True):
    """The asset that an output stands for.

    Attributes:
        path: of its key.
        partitions: those that the value holds, sorted; none where the asset has none.
        lineage: the assets that the step took.
    """

    path: tuple[str, ...]
    partitions: tuple[str, ...]
    lineage: tuple[AssetLineageInfo, ...]


def output_asset(
    step_context: StepContext, definition: OutputDefinition, handle: StepOutputHandle
) -> OutputAsset | None:
    """The asset that an output of a step stands for, if its definition says one.

    Raises:
        DagsterExecutionHandleOutputError: a function of the definition raised.
        DagsterInvariantViolationError: it returned something else.
    """
    if definition.asset_key is None:
        return None
    named = _of_output(step_context, definition, handle)
    lineage = [found for each in step_context.step.inputs for found in _taken(step_context, each.definition)]
    return OutputAsset(named.asset_path, named.partitions, tuple(dict.fromkeys(lineage)))


def _taken(step_context: StepContext, definition: InputDefinition) -> list[AssetLineageInfo]:
    """The assets that an input takes: that of its own definition, or those of the outputs that feed it."""
    step, run = step_context.step, step_context.pipeline_context
    handles = next(each.upstream_handles for each in step.inputs if each.definition is definition)
    if definition.asset_key is not None:
        return [_named(definition, _input_context(step_context, definition, handles), f"input {definition.name!r}")]
    plan = run.execution_plan
    return [
        _of_output(step_context, plan.output_def(each), each) for each in handles if plan.output_def(each).asset_key
    ]


def _input_context(
    step_context: StepContext, definition: InputDefinition, handles: Sequence[StepOutputHandle]
) -> InputContext:
    step, contexts, log = step_context.step, step_context.pipeline_context.io_contexts, step_context.log
    if handles:
        return contexts.input(step, definition.name, handles[0], log)
    if definition.root_manager_key is not None:
        return contexts.root_input(step, definition.name, definition.root_manager_key, log)
    return InputContext(
        name=definition.name,
        pipeline_name=step_context.pipeline_context.pipeline_name,
        solid_def=step.solid.definition,
        metadata=definition.metadata,
        dagster_type=definition.dagster_type,
        log=log,
        step_key=step.key,
    )


def _of_output(step_context: StepContext, definition: OutputDefinition, handle: StepOutputHandle) -> AssetLineageInfo:
    context = step_context.pipeline_context.io_contexts.output(handle, step_context.log)
    return _named(definition, context, f"output {handle.name_in_step!r} of step {handle.step_key!r}")


def _named(definition: InputDefinition | OutputDefinition, context: Any, described: str) -> AssetLineageInfo:
    key, partitions = definition.asset_key, definition.asset_partitions
    with user_code_error_boundary(DagsterExecutionHandleOutputError, f"Naming the asset of {described} failed"):
        key = key(context) if callable(key) else key
        partitions = partitions(context) if callable(partitions) else partitions
    if not isinstance(key, AssetKey):
        raise DagsterInvariantViolationError(f"asset_key of {described} must return an AssetKey; it returned {key!r}.")
    if isinstance(partitions, str) or not isinstance(partitions, Collection | None):
        raise DagsterInvariantViolationError(
            f"asset_partitions of {described} must return a set of names; it returned {partitions!r}."
        )
    return AssetLineageInfo(key.path, tuple(sorted(partitions or ())))
