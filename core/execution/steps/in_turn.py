"""Running the steps of a run one after another, in this process."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from core.errors import DagsterUserCodeExecutionError
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.contexts.step import StepContext
from core.execution.executor import RetryMode
from core.execution.steps.step import begin_step, execute_step, give_up_step
from core.plan.plan import ExecutionPlan
from core.plan.progress import Attempt, NotRun, Progress
from core.plan.refresh import missing_refreshed
from core.wording import counted


def execute_steps(
    pipeline_context: PipelineContext, execution_plan: ExecutionPlan, retries: RetryMode
) -> Iterator[DagsterEvent]:
    """Runs the plan's steps one after another.

    A step is not run when a step that feeds it failed, and is skipped when an output that feeds it was not given. While
    a step waits to be retried, others are run.

    Yields:
        The events of each step: its start before it is executed, and the others when it has ended; they are recorded
        already.

    Raises:
        Exception: the first error, where `pipeline_context.raise_on_error`; the user's own where user code raised.
    """
    progress = Progress(execution_plan, pipeline_context.ancestors.not_given, pipeline_context.versioning.expand)
    yield from record_not_run(pipeline_context, progress.take_not_run())
    while not progress.is_done:
        attempt = _next_attempt(progress)
        pipeline_context.check_claim()
        step_context = _begun(pipeline_context, attempt)
        try:
            events = begin_step(step_context)
        except Exception as error:  # of a logger; what it was told is stored
            give_up_step(step_context, error)
            raise
        count = len(events)
        try:
            yield from tuple(events)
        except GeneratorExit as closed:
            give_up_step(step_context, closed)
            raise
        result = execute_step(step_context, events, may_retry=retries is RetryMode.ENABLED)
        yield from result.events[count:]
        if result.error is not None and pipeline_context.raise_on_error:
            raise users_own(result.error)
        result.end.tell(progress, attempt.step_key, time.monotonic())
        yield from take_plan(pipeline_context, progress.plan)
        yield from record_not_run(pipeline_context, progress.take_not_run())


def take_plan(pipeline_context: PipelineContext, plan: ExecutionPlan) -> Iterator[DagsterEvent]:
    """Goes on with a plan in which mapping keys became known, if there is one; yields what is recorded of it."""
    before = pipeline_context.execution_plan
    if plan is before:
        return
    pipeline_context.use_plan(plan)
    known = {handle: keys for handle, keys in plan.mapping_keys.items() if handle not in before.mapping_keys}
    for sentence in missing_refreshed(plan, known):
        pipeline_context.log.warning(sentence)
    if pipeline_context.is_memoized:
        message = "; ".join(f"{counted(len(keys), 'value')} of {handle}" for handle, keys in known.items())
        described = pipeline_context.versioning.described(plan, pipeline_context.versioning.take_news())
        yield pipeline_context.record("PLAN_VERSIONED", f"There are {message}.", described)


def _next_attempt(progress: Progress) -> Attempt:
    """Begins the next step; waits where each that is left waits to be retried."""
    while True:
        if progress.next_retry is not None:
            progress.wake(time.monotonic())
        attempt = progress.begin_next()
        if attempt is not None:
            return attempt
        assert progress.next_retry is not None, "a step is left, and none runs"
        time.sleep(max(0.0, progress.next_retry - time.monotonic()))


def _begun(pipeline_context: PipelineContext, attempt: Attempt) -> StepContext:
    plan = pipeline_context.execution_plan
    if attempt.step_key in plan.memoized:  # its resources were not needed when the others were started
        pipeline_context.resources.start(plan.resource_keys_of(plan.steps[attempt.step_key]))
    return StepContext(pipeline_context, attempt)


def users_own(error: BaseException) -> BaseException:
    """The exception that the user's code raised, where it did; else the error itself."""
    # A StopIteration cannot be raised out of the generators that hand events on.
    if isinstance(error, DagsterUserCodeExecutionError) and not isinstance(error.user_exception, StopIteration):
        return error.user_exception
    return error


def record_not_run(pipeline_context: PipelineContext, not_run: list[NotRun]) -> Iterator[DagsterEvent]:
    """Records of each step that it will not be run, and why; yields the events."""
    for each in not_run:
        step = pipeline_context.execution_plan.steps[each.step_key]
        if each.failed:
            message = f"Step {step.key!r} is not executed, because steps that feed it failed: {', '.join(each.failed)}."
            pipeline_context.step_log(step).log(logging.ERROR, message)
        else:
            message = f"Skipped step {step.key!r}: an output that feeds it was not given."
            yield pipeline_context.record_step(step, "STEP_SKIPPED", message)
