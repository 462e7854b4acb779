"""Which run, and which attempt at a step, has the log to show."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from core.errors import DagsterExecutionStepNotFoundError
from core.events.event_types import DagsterEventType
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG
from core.views.found_outputs import found_outputs


class StepLog(NamedTuple):
    """Where the log of a step is.

    Attributes:
        run: the run that executed the step, which is not the one asked for where that found its value.
        attempt: which attempt at it, from 1.
    """

    run: PipelineRun
    attempt: int


def find_log(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None = None) -> StepLog:
    """The log of the requested attempt at a step, or of the last one by default.

    Of a step that the run did not execute, because its value was stored, it is the log of the run that stored it.

    Args:
        instance: has the run.
        run: the run.
        step_key: one of its steps.
        attempt: the requested attempt, counted from 1.

    Raises:
        DagsterExecutionStepNotFoundError: there are no logs of it; the message says why.
    """
    seen: set[str] = set()
    while True:
        seen.add(run.run_id)
        makers = [] if EVENTS_PRUNED_TAG in run.tags else _makers(instance, run, step_key)
        if not makers:
            return StepLog(run, _find_attempt(instance, run, step_key, attempt))
        known = [found for each in makers if each not in seen and (found := instance.get_run_by_id(each)) is not None]
        if not known:
            raise DagsterExecutionStepNotFoundError(_why_unknown(run.run_id, step_key, makers), [step_key])
        run = known[0]


def _makers(instance: DagsterInstance, run: PipelineRun, step_key: str) -> list[str]:
    """The runs that made what a run found of a step; none where it executed the step, or found nothing of it."""
    found = found_outputs(instance, run, step_key)
    if not found or _captured_attempts(instance, run.run_id)[step_key]:
        return []
    return list(dict.fromkeys(output.run_id for output in found if output.run_id))


def _why_unknown(run_id: str, step_key: str, makers: list[str]) -> str:
    made = " and run ".join(makers)
    return (
        f"Step {step_key!r} was memoized in run {run_id}; its outputs are from run {made}, which this instance does "
        "not have. Its log is in the instance of that run."
    )


def _find_attempt(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None) -> int:
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
    entries = instance.all_logs(run_id, DagsterEventType.LOGS_CAPTURED)
    return Counter(entry.step_key for entry in entries if entry.step_key)


def _why_no_logs(instance: DagsterInstance, run_id: str, step_key: str, attempts: Counter[str]) -> str:
    memoized = instance.all_logs(run_id, DagsterEventType.STEP_MEMOIZED)
    if any(entry.step_key == step_key for entry in memoized):
        return f"Step {step_key!r} was memoized in run {run_id}, and it is not known which run executed it."
    return f"Run {run_id} has no step {step_key!r}. Steps with logs: {', '.join(sorted(attempts)) or 'none'}."
