"""The loop over the steps of a run, in one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator

import msgspec

from core.definitions.executor import RetryMode
from core.errors import DagsterUserCodeExecutionError
from core.events.payloads import StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.context import PipelineContext
from core.execution.resources import keys_of
from core.execution.steps.step import StepResult, execute_step
from core.plan.plan import ExecutionPlan
from core.plan.steps import ExecutionStep


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
    not_given = {*pipeline_context.ancestors.not_given, *execution_plan.not_given}
    for step in execution_plan.steps_to_execute:
        failed_sources = {handle.step_key for handle in step.upstream_handles} & unavailable
        if failed_sources:
            unavailable.add(step.key)
            _log_abandoned(pipeline_context, step, failed_sources)
        elif step.is_skipped(not_given):
            not_given.update(step.handle(output.name) for output in step.outputs)
            yield _record_skipped(pipeline_context, step)
        else:
            result = yield from _run(pipeline_context, step, frozenset(not_given), retries)
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
) -> Generator[DagsterEvent, None, StepResult]:
    """Runs a step until it needs no other attempt; yields the events of each attempt when it has ended."""
    attempt, given_attempts = 1, 0
    while True:
        may_retry = retries is RetryMode.ENABLED
        result = execute_step(
            pipeline_context.step_context(step), attempt, not_given, may_retry, asked_before=given_attempts
        )
        yield from result.events
        if result.lost is not None:
            error = yield from _compute_again(pipeline_context, result.lost, not_given, retries)
            if error is not None:
                return msgspec.structs.replace(result, error=error)
        elif result.retry is not None:
            given_attempts += 1
            time.sleep(result.retry.seconds_to_wait)
        else:
            return result
        attempt += 1


def _compute_again(
    pipeline_context: PipelineContext,
    handle: StepOutputHandle,
    not_given: frozenset[StepOutputHandle],
    retries: RetryMode,
) -> Generator[DagsterEvent, None, BaseException | None]:
    """Executes a step that was skipped because its output was stored, which is gone or damaged now.

    Returns:
        Why it failed, if it did.
    """
    plan = pipeline_context.execution_plan
    step = plan.steps[handle.step_key]
    memoized = {key: data for key, data in plan.memoized.items() if key != step.key}
    pipeline_context.execution_plan = msgspec.structs.replace(
        plan, memoized=memoized, refreshed=plan.refreshed | {step.key}
    )
    pipeline_context.resources.start(keys_of(plan, step))
    result = yield from _run(pipeline_context, step, not_given, retries)
    return result.error


def _record_skipped(pipeline_context: PipelineContext, step: ExecutionStep) -> DagsterEvent:
    message = f"Skipped step {step.key!r}: an output that feeds it was not given."
    return pipeline_context.step_context(step).record("STEP_SKIPPED", message)


def _log_abandoned(pipeline_context: PipelineContext, step: ExecutionStep, sources: set[str]) -> None:
    named = ", ".join(sorted(sources))
    log = pipeline_context.step_context(step).log
    log.log(logging.ERROR, f"Step {step.key!r} is not executed, because steps that feed it failed: {named}.")
