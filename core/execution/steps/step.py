"""Executing one step."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing
from typing import Any

from core.definitions.calls.given_events import returned_events, yielded_events
from core.errors import (
    DagsterExecutionStepExecutionError,
    DagsterInvariantViolationError,
    DagsterUserCodeExecutionError,
    user_code_error_boundary,
)
from core.events.payloads import (
    ComputeLogsCaptureData,
    StepFailureData,
    StepRetryData,
    StepSuccessData,
    as_recorded,
)
from core.events.records import DagsterEvent
from core.events.user_events import Failure, RetryRequested
from core.execution.broken_off import is_interrupt, what_ended
from core.execution.contexts.solid import SolidExecutionContext
from core.execution.contexts.step import StepContext
from core.execution.steps.awaiting import awaited
from core.execution.steps.hooks import call_hooks
from core.execution.steps.inputs import LostValueError, load_inputs
from core.execution.steps.outputs import OutputHandler
from core.execution.steps.result import StepResult
from core.execution.steps.retrying import Retry, retry_after
from core.forks import ending_forked_children
from core.serdes import error_info
from core.usage import Usage

_CONTROL_FLOW = (RetryRequested,)


def begin_step(step_context: StepContext) -> list[DagsterEvent]:
    """Records that a step begins; returns the events, to which `execute_step` adds."""
    run, key, number = step_context.pipeline_context.pipeline_run, step_context.step.key, step_context.attempt.number
    events: list[DagsterEvent] = []
    if step_context.pipeline_context.instance.compute_log_manager.enabled(run, key):
        data = ComputeLogsCaptureData(key, (key,))
        events.append(step_context.record("LOGS_CAPTURED", f"Capturing stdout and stderr of step {key!r}.", data))
    if number == 1:
        events.append(step_context.record("STEP_START", f"Started step {key!r}."))
    else:
        events.append(step_context.record("STEP_RESTARTED", f"Started step {key!r} again, attempt {number}."))
    return events


def give_up_step(step_context: StepContext, error: BaseException) -> None:
    """Records that a step which has begun is not executed, because the run ends."""
    message = f"Step {step_context.step.key!r} is not executed, since the run ends."
    step_context.record("STEP_FAILURE", message, StepFailureData(error_info(error)), level=logging.INFO)


def execute_step(step_context: StepContext, events: list[DagsterEvent], may_retry: bool = True) -> StepResult:
    """Runs a step once, with its output captured.

    Args:
        step_context: the step.
        events: what `begin_step` gave; gets the others.
        may_retry: whether the step is run again when it asks for that, or its policy says so; otherwise it fails.

    Raises:
        BaseException: one that is not an Exception (KeyboardInterrupt, say), after the failure of the step is recorded.
    """
    run, key, number = step_context.pipeline_context.pipeline_run, step_context.step.key, step_context.attempt.number
    watch = step_context.pipeline_context.instance.compute_log_manager.watch(run, key, number)
    result = attempt_step(step_context, events, may_retry, watch)
    if result.error is not None and not isinstance(result.error, Exception):
        raise result.error
    return result


def attempt_step(
    step_context: StepContext,
    events: list[DagsterEvent],
    may_retry: bool,
    capture: AbstractContextManager[None],
    was_interrupted: Callable[[], bool] = lambda: False,
) -> StepResult:
    """As `execute_step`, where the caller says how the output is captured, and decides what follows from any error.

    Args:
        step_context: the step.
        events: as of `execute_step`.
        may_retry: as of `execute_step`.
        capture: captures its output, and that of its hooks.
        was_interrupted: whether the step was told to end, whatever it made of that: then its hooks are not called.
    """
    with capture:
        result = _attempt(step_context, may_retry, events)
        if result.has_ended and not is_interrupt(result.error) and not was_interrupted():
            call_hooks(step_context, events, result.error)
    return result


def _attempt(step_context: StepContext, may_retry: bool, events: list[DagsterEvent]) -> StepResult:
    meter = step_context.pipeline_context.usage
    started, usage_before = time.perf_counter(), meter.read()
    try:
        with ending_forked_children():
            _compute(step_context, events)
    except LostValueError as lost:
        events.append(_record_lost(step_context, lost))
        return StepResult(step_context.step.key, events, lost=lost.handle)
    except BaseException as raised:  # noqa: BLE001  a KeyboardInterrupt is recorded too, and raised by the caller
        error = raised
    else:
        duration_ms = (time.perf_counter() - started) * 1000
        step_context.pipeline_context.instance.compute_log_manager.show_output()
        message = f"Finished step {step_context.step.key!r} in {duration_ms:.1f} ms."
        success = StepSuccessData(duration_ms, meter.read() - usage_before)
        events.append(step_context.record("STEP_SUCCESS", message, success))
        return StepResult(step_context.step.key, events)
    return failed_attempt(step_context, events, error, started, meter.read() - usage_before, may_retry)


def failed_attempt(
    step_context: StepContext,
    events: list[DagsterEvent],
    error: BaseException,
    started: float,
    usage: Usage,
    may_retry: bool,
) -> StepResult:
    """Records that an attempt has failed, and whether the step is run again.

    Args:
        step_context: the attempt.
        events: those of the attempt; gets this one.
        error: what failed it.
        started: when it began, as `time.perf_counter` told.
        usage: what it asked of remote storage.
        may_retry: as of `execute_step`.
    """
    retry = retry_after(error, step_context) if may_retry else None
    if retry is not None:
        events.append(_record_retry(step_context, retry))
        return StepResult(step_context.step.key, events, retry=retry)
    duration_ms = (time.perf_counter() - started) * 1000
    step_context.pipeline_context.instance.compute_log_manager.show_output()
    events.append(_record_failure(step_context, error, duration_ms, usage))
    return StepResult(step_context.step.key, events, error)


def _compute(step_context: StepContext, events: list[DagsterEvent]) -> None:
    run = step_context.pipeline_context
    if run.starts_resources_for_steps:
        run.resources.start(run.execution_plan.resource_keys_of(step_context.step))
    values = load_inputs(step_context, events)
    with _solid_boundary(step_context):
        given = awaited(step_context.solid_def.compute_fn(SolidExecutionContext(step_context), values))
    is_generator = inspect.isgenerator(given)
    with closing(OutputHandler(step_context, events, function_has_ended=not is_generator)) as outputs:
        if is_generator:
            _take_yielded(step_context, given, outputs)
        else:
            for event in returned_events(step_context.solid_def.name, step_context.solid_def.output_defs, given):
                outputs.handle(event)
        outputs.finish()


def _take_yielded(step_context: StepContext, given: Generator[Any, None, None], outputs: OutputHandler) -> None:
    with closing(yielded_events(step_context.solid_def.name, given)) as user_events:
        while True:
            # Only the solid's own code is inside the boundary; what stores its outputs reports errors of its own.
            with _solid_boundary(step_context):
                event = next(user_events, None)
            if event is None:
                break
            outputs.handle(event)


def _solid_boundary(step_context: StepContext) -> AbstractContextManager[None]:
    step, solid_def = step_context.step, step_context.solid_def
    return user_code_error_boundary(
        DagsterExecutionStepExecutionError,
        lambda: f"Solid {step.solid.name!r} raised",
        control_flow_exceptions=_CONTROL_FLOW,
        step_key=step.key,
        solid_name=step.solid.name,
        solid_def_name=solid_def.name,
    )


def _record_retry(step_context: StepContext, retry: Retry) -> DagsterEvent:
    info = error_info(retry.error)
    number, most = step_context.attempt.retries + 1, retry.max_retries
    when = f"in {retry.seconds_to_wait:g} s (retry {number} of {most})"
    message = f"Step {step_context.step.key!r} asked to be run again {when}."
    if not isinstance(retry.error, RetryRequested):
        message = f"Step {step_context.step.key!r} is run again {when}, because it failed: {retry.error}"
    return step_context.record("STEP_UP_FOR_RETRY", message, StepRetryData(info, retry.seconds_to_wait), info)


def _record_lost(step_context: StepContext, lost: LostValueError) -> DagsterEvent:
    info = error_info(lost)
    message = f"Step {step_context.step.key!r} waits: {lost}"
    return step_context.record("STEP_UP_FOR_RETRY", message, StepRetryData(info), info, logging.WARNING)


def _record_failure(step_context: StepContext, error: BaseException, duration_ms: float, usage: Usage) -> DagsterEvent:
    failed = error.user_exception if isinstance(error, DagsterUserCodeExecutionError) else error
    info = error_info(error)
    description = failed.description if isinstance(failed, Failure) else None
    entries = failed.metadata_entries if isinstance(failed, Failure) else ()
    data = StepFailureData(info, duration_ms, usage, description, entries)
    if description is not None or entries:
        try:
            data = as_recorded(data, "What the Failure says")
        except DagsterInvariantViolationError as fault:
            data = StepFailureData(info, duration_ms, usage, f"{description} ({fault})")
    how = f"failed: {error}" if isinstance(error, Exception) else f"was ended by {what_ended(error)}."
    return step_context.record("STEP_FAILURE", f"Step {step_context.step.key!r} {how}", data, info)
