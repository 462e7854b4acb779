"""Templates become steps: one for each mapping key of the dynamic output that they are mapped over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from core.events.payloads import StepOutputHandle
from core.events.step_keys import mapped_key, solid_key_of
from core.plan.plan import ExecutionPlan, KnownKeys
from core.plan.steps import ExecutionStep, FromCollected, FromStepOutput, FromStepOutputs, StepInput

Templates = Mapping[str, tuple[str, ...]]
"""Key of a template -> those of the steps that take its place."""


class Expanded(msgspec.Struct, frozen=True, eq=False):
    """What a plan has become.

    Attributes:
        plan: it.
        templates: the keys of the templates that are gone, each with those of the steps that took its place.
        changed: the keys of the other steps of which an input has changed: they collect.
    """

    plan: ExecutionPlan
    templates: Templates
    changed: tuple[str, ...]


def expanded(plan: ExecutionPlan, known: KnownKeys) -> Expanded:
    """A plan in which it is known which values dynamic outputs have.

    Steps are made for what follows from these outputs, which the plan tells at once; all others stay as they are.

    Args:
        plan: the plan.
        known: the outputs, with the mapping keys of their values, in order.
    """
    known = {source: tuple(keys) for source, keys in known.items()}
    followers = dict.fromkeys(key for source in known for key in plan.followers.get(source, ()) if key in plan.steps)
    following = [plan.steps[key] for key in followers]
    templates = {
        step.key: tuple(mapped_key(step.solid.key, key) for key in known[step.mapped_over])
        for step in following
        if step.is_template and step.mapped_over is not None
    }
    places = {step.key: dict(_in_place_of(step, known, templates)) for step in following}
    steps: dict[str, ExecutionStep] = {}
    for key, step in plan.steps.items():
        if key in places:
            steps |= places[key]
        else:
            steps[key] = step
    plan = msgspec.structs.replace(
        plan,
        steps=steps,
        step_keys_to_execute=tuple(_keys_with(templates, plan.step_keys_to_execute)),
        refreshed=frozenset(_keys_with(templates, plan.refreshed)),
        mapping_keys={**plan.mapping_keys, **known},
    )
    return Expanded(plan, templates, tuple(key for key in places if key not in templates))


def _keys_with(templates: Templates, keys: Iterable[str]) -> list[str]:
    """Keys of steps, with those that take the place of templates."""
    found: list[str] = []
    for key in keys:
        if key in templates:
            found += templates[key]
        else:
            found.append(key)
    return found


def _in_place_of(step: ExecutionStep, known: KnownKeys, templates: Templates) -> Iterator[tuple[str, ExecutionStep]]:
    """What stands in the place of a step that follows: for a template steps, by key; else the step with its lists."""
    if step.key not in templates or step.mapped_over is None:
        inputs = tuple(_of_all(each, known, templates) for each in step.inputs)
        yield step.key, msgspec.structs.replace(step, inputs=inputs)
        return
    for mapping_key, key in zip(known[step.mapped_over], templates[step.key], strict=True):
        inputs = tuple(_of_value(each, step.mapped_over, templates, mapping_key) for each in step.inputs)
        yield key, msgspec.structs.replace(step, key=key, inputs=inputs, mapping_key=mapping_key)


def _of_value(step_input: StepInput, source: StepOutputHandle, templates: Templates, key: str) -> StepInput:
    """An input of a template as that of the step for one value."""
    if not isinstance(step_input.value_from, FromStepOutput):
        return step_input
    handle = step_input.value_from.handle
    if handle == source:
        handle = StepOutputHandle(handle.step_key, handle.output_name, key)
    elif handle.step_key in templates:
        handle = StepOutputHandle(mapped_key(solid_key_of(handle.step_key), key), handle.output_name)
    return StepInput(step_input.definition, FromStepOutput(handle))


def _of_all(step_input: StepInput, known: KnownKeys, templates: Templates) -> StepInput:
    """An input with what it collects, where it does and that is known."""
    if not isinstance(step_input.value_from, FromCollected):
        return step_input
    handle = step_input.value_from.handle
    if handle in known:
        handles = [StepOutputHandle(handle.step_key, handle.output_name, key) for key in known[handle]]
    elif handle.step_key in templates:
        handles = [StepOutputHandle(step_key, handle.output_name) for step_key in templates[handle.step_key]]
    else:
        return step_input
    return StepInput(step_input.definition, FromStepOutputs(tuple(handles)))
