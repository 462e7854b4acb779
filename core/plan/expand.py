"""Templates become steps: one for each mapping key of the dynamic output that they are mapped over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from core.events.payloads import StepOutputHandle
from core.events.step_keys import mapped_key, solid_key_of
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep, FromCollected, FromStepOutput, FromStepOutputs, StepInput


class Expanded(msgspec.Struct, frozen=True, eq=False):
    """What a plan has become.

    Attributes:
        plan: it.
        templates: the keys of the templates that are gone, each with those of the steps that took its place.
        changed: the keys of the other steps of which an input has changed: they collect.
    """

    plan: ExecutionPlan
    templates: Mapping[str, tuple[str, ...]]
    changed: tuple[str, ...]


def expanded(plan: ExecutionPlan, source: StepOutputHandle, mapping_keys: Sequence[str]) -> Expanded:
    """A plan in which it is known which values a dynamic output has.

    Args:
        plan: the plan.
        source: the output.
        mapping_keys: those of its values, in order.
    """
    keys = tuple(mapping_keys)
    group = [step for step in plan.steps.values() if step.is_template and step.mapped_over == source]
    templates = {step.key: tuple(mapped_key(step.solid.key, key) for key in keys) for step in group}
    steps: dict[str, ExecutionStep] = {}
    changed: list[str] = []
    for step in plan.steps.values():
        if step.key in templates:
            for mapping_key, step_key in zip(keys, templates[step.key], strict=True):
                inputs = tuple(_of_value(each, source, templates, mapping_key) for each in step.inputs)
                steps[step_key] = msgspec.structs.replace(step, key=step_key, inputs=inputs, mapping_key=mapping_key)
        elif any(_collects(each, source, templates) for each in step.inputs):
            inputs = tuple(_of_all(each, source, templates, keys) for each in step.inputs)
            steps[step.key] = msgspec.structs.replace(step, inputs=inputs)
            changed.append(step.key)
        else:
            steps[step.key] = step
    to_execute = tuple(each for key in plan.step_keys_to_execute for each in templates.get(key, (key,)))
    refreshed = frozenset(each for key in plan.refreshed for each in templates.get(key, (key,)))
    plan = msgspec.structs.replace(
        plan,
        steps=steps,
        step_keys_to_execute=to_execute,
        refreshed=refreshed,
        mapping_keys={**plan.mapping_keys, source: keys},
    )
    return Expanded(plan, templates, tuple(changed))


def _of_value(
    step_input: StepInput, source: StepOutputHandle, templates: Mapping[str, tuple[str, ...]], key: str
) -> StepInput:
    """An input of a template as that of the step for one value."""
    if not isinstance(step_input.value_from, FromStepOutput):
        return step_input
    handle = step_input.value_from.handle
    if handle == source:
        handle = StepOutputHandle(handle.step_key, handle.output_name, key)
    elif handle.step_key in templates:
        handle = StepOutputHandle(mapped_key(solid_key_of(handle.step_key), key), handle.output_name)
    return StepInput(step_input.definition, FromStepOutput(handle))


def _collects(step_input: StepInput, source: StepOutputHandle, templates: Mapping[str, tuple[str, ...]]) -> bool:
    value_from = step_input.value_from
    if not isinstance(value_from, FromCollected):
        return False
    return value_from.handle == source or value_from.handle.step_key in templates


def _of_all(
    step_input: StepInput,
    source: StepOutputHandle,
    templates: Mapping[str, tuple[str, ...]],
    keys: Sequence[str],
) -> StepInput:
    """An input that collects, with what it collects."""
    if not _collects(step_input, source, templates):
        return step_input
    assert isinstance(step_input.value_from, FromCollected)
    handle = step_input.value_from.handle
    if handle == source:
        handles = [StepOutputHandle(handle.step_key, handle.output_name, key) for key in keys]
    else:
        handles = [StepOutputHandle(step_key, handle.output_name) for step_key in templates[handle.step_key]]
    return StepInput(step_input.definition, FromStepOutputs(tuple(handles)))
