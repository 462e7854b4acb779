"""Which attempt at a step has the log to show."""

from __future__ import annotations

from collections import Counter

from core.errors import DagsterExecutionStepNotFoundError
from core.events.payloads import StepMemoizedData
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG


def find_attempt(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None = None) -> int:
    """The requested attempt at a step, counted from 1, or the last one by default.

    Args:
        instance: has the run.
        run: the run.
        step_key: one of its steps.
        attempt: the requested attempt.

    Raises:
        DagsterExecutionStepNotFoundError: there are no logs of it; the message says why.
    """
    if COMPUTE_LOGS_PRUNED_TAG in run.tags:
        pruned = run.tags[COMPUTE_LOGS_PRUNED_TAG]
        raise DagsterExecutionStepNotFoundError(
            f"Run {run.run_id}: its compute logs were pruned ({pruned}).", [step_key]
        )
    if EVENTS_PRUNED_TAG in run.tags:
        return _attempt_without_events(instance, run, step_key, attempt)
    attempts = _captured_attempts(instance, run.run_id)
    last = attempts[step_key]
    if attempt is not None and attempt > last > 0:
        message = f"Run {run.run_id} has no attempt {attempt} at step {step_key!r}; the last one is {last}."
        raise DagsterExecutionStepNotFoundError(message, [step_key])
    if not last:
        raise DagsterExecutionStepNotFoundError(_why_no_logs(instance, run.run_id, step_key, attempts), [step_key])
    return attempt or last


def _attempt_without_events(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None) -> int:
    """The number of attempts is pruned together with the events, so this looks for the log of one attempt."""
    number = attempt or 1
    if instance.compute_log_manager.is_watch_completed(run.run_id, step_key, number):
        return number
    which = f"an attempt {attempt} at step" if attempt else "a step"
    pruned = run.tags[EVENTS_PRUNED_TAG]
    message = f"Run {run.run_id} has no logs of {which} {step_key!r}; its events were pruned ({pruned})."
    raise DagsterExecutionStepNotFoundError(message, [step_key])


def _captured_attempts(instance: DagsterInstance, run_id: str) -> Counter[str]:
    """For each step, the number of attempts whose output was captured."""
    events = (entry.dagster_event for entry in instance.all_logs(run_id))
    return Counter(
        each.step_key for each in events if each and each.step_key and each.event_type_value == "LOGS_CAPTURED"
    )


def _why_no_logs(instance: DagsterInstance, run_id: str, step_key: str, attempts: Counter[str]) -> str:
    for event in (entry.dagster_event for entry in instance.all_logs(run_id)):
        if event and event.step_key == step_key and isinstance(event.event_specific_data, StepMemoizedData):
            makers = sorted({output.run_id for output in event.event_specific_data.outputs if output.run_id})
            made = f"; its outputs are from run {' and run '.join(makers)}" if makers else ""
            return f"Step {step_key!r} was memoized in run {run_id}{made}."
    return f"Run {run_id} has no step {step_key!r}. Steps with logs: {', '.join(sorted(attempts)) or 'none'}."
