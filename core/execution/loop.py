"""The loop over the steps of a run, in one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import msgspec

from core.definitions.executor import RetryMode
from core.errors import DagsterUserCodeExecutionError
from core.events.payloads import StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.context import PipelineContext
from core.execution.step import StepResult, execute_step
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep, FromStepOutputs


def execute_steps(
    pipeline_context: PipelineContext, execution_plan: ExecutionPlan, retries: RetryMode
) -> Iterator[DagsterEvent]:
    """Runs the plan's steps one after another.

    A step is not run when a step that feeds it failed, and is skipped when an output that feeds it was not given.

    Yields:
        The events of each step when it has ended; they are recorded already.

    Raises:
        Exception: the first error, where `pipeline_context.raise_on_error`; the user's own where user code raised.
    """
    unavailable: set[str] = set()
    not_given = set(pipeline_context.sources.not_given)
    for step in execution_plan.steps_to_execute:
        failed_sources = {handle.step_key for handle in step.upstream_handles} & unavailable
        if failed_sources:
            unavailable.add(step.key)
            _log_abandoned(pipeline_context, step, failed_sources)
        elif _must_skip(step, not_given):
            not_given.update(step.handle(output.name) for output in step.outputs)
            yield _record_skipped(pipeline_context, step)
        else:
            result = _run(pipeline_context, step, frozenset(not_given), retries)
            yield from result.earlier_events
            yield from result.events
            if result.error is None:
                given = result.given_outputs
                not_given.update(step.handle(each.name) for each in step.outputs if each.name not in given)
            elif pipeline_context.raise_on_error:
                raise users_own(result.error)
            else:
                unavailable.add(step.key)


def users_own(error: BaseException) -> BaseException:
    """The exception that the user's code raised, where it did; else the error itself."""
    # A StopIteration cannot be raised out of the generators that hand events on.
    if isinstance(error, DagsterUserCodeExecutionError) and not isinstance(error.user_exception, StopIteration):
        return error.user_exception
    return error


def _run(
    pipeline_context: PipelineContext, step: ExecutionStep, not_given: frozenset[StepOutputHandle], retries: RetryMode
) -> StepResult:
    earlier: tuple[DagsterEvent, ...] = ()
    attempt = 1
    while True:
        result = execute_step(pipeline_context.step_context(step), attempt, not_given, retries is RetryMode.ENABLED)
        if result.retry is None:
            return msgspec.structs.replace(result, earlier_events=earlier)
        earlier += tuple(result.events)
        time.sleep(result.retry.seconds_to_wait)
        attempt += 1


def _must_skip(step: ExecutionStep, not_given: set[StepOutputHandle]) -> bool:
    for step_input in step.inputs:
        handles = step_input.upstream_handles
        missing = [handle for handle in handles if handle in not_given]
        is_fan_in = isinstance(step_input.source, FromStepOutputs)
        if missing and (not is_fan_in or len(missing) == len(handles)):
            return True
    return False


def _record_skipped(pipeline_context: PipelineContext, step: ExecutionStep) -> DagsterEvent:
    message = f"Skipped step {step.key!r}: an output that feeds it was not given."
    return pipeline_context.step_context(step).record("STEP_SKIPPED", message)


def _log_abandoned(pipeline_context: PipelineContext, step: ExecutionStep, sources: set[str]) -> None:
    named = ", ".join(sorted(sources))
    log = pipeline_context.step_context(step).log
    log.log(logging.ERROR, f"Step {step.key!r} is not executed, because steps that feed it failed: {named}.")
