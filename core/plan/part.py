"""A part of a plan, where an earlier run says which values the dynamic outputs have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from core.config import unknown_name
from core.errors import DagsterExecutionStepNotFoundError, DagsterInvalidSubsetError
from core.events.payloads import StepOutputHandle
from core.events.step_keys import is_template_key, solid_key_of
from core.plan.expand import expanded
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep, FromCollected

EarlierKeys = Mapping[StepOutputHandle, Sequence[str] | None]
"""Dynamic output -> the mapping keys of the values that an earlier run gave; None where it did not give the output."""


def with_keys(plan: ExecutionPlan, known: EarlierKeys, but_of: Collection[str] = ()) -> ExecutionPlan:
    """A plan in which it is known which values dynamic outputs have.

    Args:
        plan: the plan.
        known: their keys.
        but_of: keys of steps whose outputs are left as they are.
    """
    there = {
        source: keys
        for source, keys in known.items()
        if keys is not None and source.step_key in plan.steps and source.step_key not in but_of
    }
    return expanded(plan, there).plan if there else plan


def part_of(plan: ExecutionPlan, step_keys: Sequence[str], known: EarlierKeys) -> ExecutionPlan:
    """A plan with only some steps to execute.

    What a step that is to be executed will give is not known, whatever it gave earlier: of the steps that are mapped
    over its dynamic outputs, all are executed where one is asked for.

    Args:
        plan: the whole plan, with templates.
        step_keys: of the steps.
        known: the keys of the values that an earlier run gave.

    Raises:
        DagsterExecutionStepNotFoundError: a key is of no step.
        DagsterInvalidSubsetError: a step follows from dynamic outputs whose values no earlier run gave, and that are
            not asked for.
    """
    part = with_keys(plan, known, but_of=set(step_keys))
    mapped: dict[str, list[ExecutionStep]] = {}
    for step in part.steps.values():
        if step.mapped_over is not None:
            mapped.setdefault(step.solid.key, []).append(step)
    chosen: set[str] = set()
    for key in step_keys:
        found = [key] if key in part.steps else _steps_of(key, mapped)
        if not found:
            raise DagsterExecutionStepNotFoundError(f"Steps to execute: {unknown_name('step', key, part.steps)}", [key])
        chosen.update(found)
    for key in chosen:
        for source in _unknown_sources(part, part.steps[key]):
            if source.step_key not in chosen and source not in known:
                raise DagsterInvalidSubsetError(
                    f"Step {key!r} follows from the values of {source}, and no earlier run says which there are. "
                    f"Execute step {source.step_key!r} too."
                )
    return part.restricted_to(chosen)


def _steps_of(key: str, mapped: Mapping[str, list[ExecutionStep]]) -> list[str]:
    """The steps that a key means: that of a step for a value may be one of a template now, and the other way round.

    Args:
        key: of no step of the plan.
        mapped: the steps of each solid that is mapped over a dynamic output.
    """
    found = mapped.get(solid_key_of(key), [])
    is_of_template = any(step.is_template for step in found)
    return [step.key for step in found] if is_of_template or is_template_key(key) else []


def _unknown_sources(plan: ExecutionPlan, step: ExecutionStep) -> list[StepOutputHandle]:
    """The dynamic outputs from whose values a step follows, which are not known."""
    if step.is_template and step.mapped_over is not None:
        return [step.mapped_over]
    collected = [each.value_from.handle for each in step.inputs if isinstance(each.value_from, FromCollected)]
    return [plan.steps[each.step_key].mapped_over or each for each in collected]
