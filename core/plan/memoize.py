"""Deciding which steps of a plan need not be executed, given what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from core.events.payloads import MemoizedOutput, StepMemoizedData, StepOutputHandle
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep


def without_memoized(plan: ExecutionPlan, stored: Mapping[StepOutputHandle, MemoizedOutput]) -> ExecutionPlan:
    """The plan with only those steps to execute that must be.

    A step is executed when it has no version, or when one of its outputs is not stored and is needed: by a step that
    is executed, or, where no step of the run takes the output, as a result of the run.

    Args:
        plan: a plan with versions.
        stored: the outputs whose version is stored, whole.
    """
    executed = _steps_to_execute(plan, stored.keys())
    memoized = {
        key: StepMemoizedData(tuple(stored[handle] for handle in _handles(plan.steps[key]) if handle in stored))
        for key in plan.step_keys_to_execute
        if key not in executed
    }
    return msgspec.structs.replace(plan.restricted_to(executed), memoized=memoized)


def _steps_to_execute(plan: ExecutionPlan, stored: Collection[StepOutputHandle]) -> set[str]:
    taken = {handle for step in plan.steps_to_execute for handle in step.upstream_handles}
    needed: set[StepOutputHandle] = set()
    executed: set[str] = set()
    for step in reversed(plan.steps_to_execute):
        handles = _handles(step)
        is_unversioned = any(plan.versions[handle] is None for handle in handles)
        is_missing = any(handle not in stored and (handle in needed or handle not in taken) for handle in handles)
        if is_unversioned or is_missing or not handles:
            executed.add(step.key)
            needed.update(step.upstream_handles)
    return executed


def _handles(step: ExecutionStep) -> list[StepOutputHandle]:
    return [step.handle(output.name) for output in step.outputs]
