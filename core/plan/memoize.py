"""Deciding which steps of a plan need not be executed, given what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from core.events.payloads import MemoizedOutput, StepMemoizedData, StepOutputHandle
from core.plan.plan import ExecutionPlan


def without_memoized(plan: ExecutionPlan, stored: Mapping[StepOutputHandle, MemoizedOutput]) -> ExecutionPlan:
    """The plan with only those steps to execute that must be.

    A step is executed when it has no version, when it is refreshed, when the run config has one of its outputs written
    by a materializer, or when one of its outputs is not stored and is needed: by a step that is executed, or, where no
    step of the run takes the output, as a result of the run. A step that will be skipped, because it is stored that
    what feeds it was not given, needs nothing.

    Args:
        plan: a plan with versions.
        stored: the outputs whose version is stored, whole, and those of which it is stored that they were not given.
    """
    executed = _steps_to_execute(plan, stored)
    memoized = {
        key: StepMemoizedData(tuple(stored[handle] for handle in plan.handles(plan.steps[key]) if handle in stored))
        for key in plan.step_keys_to_execute
        if key not in executed
    }
    return msgspec.structs.replace(plan.restricted_to(executed), memoized=memoized)


def _steps_to_execute(plan: ExecutionPlan, stored: Mapping[StepOutputHandle, MemoizedOutput]) -> set[str]:
    skipped = _steps_to_skip(plan, {handle for handle, found in stored.items() if not found.is_given})
    taken = {handle for step in plan.steps_to_execute for handle in step.upstream_handles}
    needed: set[StepOutputHandle] = set()
    executed = set(skipped)  # where it is recorded that they are skipped
    for step in reversed(plan.steps_to_execute):
        handles = plan.handles(step)
        is_unversioned = any(plan.version(handle) is None for handle in handles)
        is_missing = any(handle not in stored and (handle in needed or handle not in taken) for handle in handles)
        must_run = is_unversioned or is_missing or not handles or step.key in plan.refreshed
        must_run = must_run or bool(step.solid_config.materializing)
        if must_run and step.key not in skipped:
            executed.add(step.key)
            needed.update(step.upstream_handles)
    return executed


def _steps_to_skip(plan: ExecutionPlan, absent: Collection[StepOutputHandle]) -> set[str]:
    not_given, skipped = set(absent), set()
    for step in plan.steps_to_execute:
        if step.is_skipped(not_given):
            skipped.add(step.key)
            not_given.update(plan.handles(step))
    return skipped
