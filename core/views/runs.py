"""What a run did: its steps, its totals and its failures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec

from core.errors import DagsterStorageError
from core.events.payloads import PipelineFailureData, PipelineSuccessData
from core.events.records import DagsterEvent
from core.events.step_keys import solid_key_of
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun
from core.usage import Usage
from core.views.steps import StepReport, step_report, steps_not_ended


class RunTotals(msgspec.Struct, frozen=True):
    """Totals of a run that has ended.

    Attributes:
        seconds: how long it took.
        usage: its use of remote storage, planning included.
        planning: the part of `usage` that decided which steps to execute.
    """

    seconds: float
    usage: Usage
    planning: Usage = Usage()


class RunReport(msgspec.Struct, frozen=True):
    """What a run did.

    Attributes:
        steps: in the order in which they ended, then those that have not ended, or were not executed.
        totals: None while the run has not ended, and where it was cancelled.
        failures: one sentence for each step that failed; for the run itself if no step did.
        tracebacks: of the errors in its log.
        hook_errors: one sentence for each hook that raised, which fails no step.
    """

    steps: tuple[StepReport, ...]
    totals: RunTotals | None = None
    failures: tuple[str, ...] = ()
    tracebacks: tuple[str, ...] = ()
    hook_errors: tuple[str, ...] = ()

    @property
    def uses_remote_storage(self) -> bool:
        """bool: whether any request was sent to remote storage."""
        usages = [step.usage for step in self.steps]
        usages += [self.totals.usage, self.totals.planning] if self.totals else []
        return any(usage.requests for usage in usages)


def report_run(
    events: Iterable[DagsterEvent],
    step_keys: Iterable[str] = (),
    tracebacks: Iterable[str] = (),
    not_ended: Mapping[str, StepReport] | None = None,
) -> RunReport:
    """The report of a run from its events.

    Args:
        events: in order.
        step_keys: steps of the run; those without an event that ends them were not executed.
        tracebacks: of the errors in its log.
        not_ended: of the steps that have begun and not ended; see `steps_not_ended`.
    """
    listed, begun = list(events), not_ended or {}
    # A later event overrides an earlier one: a memoized step is executed anyway if its value is lost during the run.
    ended = {report.step_key: report for report in map(step_report, listed) if report is not None}
    for key in begun:  # found as memoized before, and executed now
        ended.pop(key, None)
    mapped = {solid for key in [*ended, *begun] if (solid := solid_key_of(key)) != key}  # each stands for its steps
    missing = (key for key in dict.fromkeys(step_keys) if key not in ended and key not in mapped)
    others = [begun.get(key) or StepReport(key, "not executed") for key in missing]
    totals = [each for each in map(_totals, listed) if each is not None]
    return RunReport(
        (*ended.values(), *others),
        totals[-1] if totals else None,
        _failures(listed),
        tuple(tracebacks),
        tuple(str(event.message) for event in listed if event.event_type_value == "HOOK_ERRORED"),
    )


def read_run(instance: DagsterInstance, run_id: str, step_keys: Iterable[str] = ()) -> RunReport:
    """The report of a stored run, from its log.

    Args:
        instance: has the run.
        run_id: the run.
        step_keys: steps of the run; those of which the log knows nothing were not executed.
    """
    run = instance.get_run_by_id(run_id)
    is_over = run is None or run.is_finished or was_killed(instance, run_id)
    entries = instance.all_logs(run_id)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    known = [entry.step_key for entry in entries if entry.step_key]
    errors = [entry.error_info for entry in entries if entry.error_info is not None]
    tracebacks = [error.traceback for error in errors if error.traceback]
    return report_run(events, [*known, *step_keys], tracebacks, steps_not_ended(entries, is_over))


def was_killed(instance: DagsterInstance, run_id: str) -> bool:
    """Whether it is known that the process of a run died before the run had ended."""
    with suppress(DagsterStorageError):  # what another user's process noted; that user can know
        return run_id in instance.running_runs.killed()
    return False


def process_of(instance: DagsterInstance, run: PipelineRun) -> str | None:
    """What is known of the process of a run, as a sentence; None where that is nothing, or nothing that matters."""
    if was_killed(instance, run.run_id) and not run.is_finished:
        return "The process of the run was killed."
    with suppress(DagsterStorageError):
        process = instance.running_runs.living().get(run.run_id)
        if process is not None:
            return f"Process {process.pid} executes the run."
    return None


def _totals(event: DagsterEvent) -> RunTotals | None:
    data = event.event_specific_data
    if isinstance(data, PipelineSuccessData):
        return RunTotals(data.duration_ms / 1000, data.usage, data.planning_usage)
    return RunTotals(data.duration_ms / 1000, data.usage) if isinstance(data, PipelineFailureData) else None


def _failures(events: Iterable[DagsterEvent]) -> tuple[str, ...]:
    failed = [event for event in events if event.is_failure and event.message]
    # The run's own message repeats which steps failed.
    return tuple(str(event.message) for event in [e for e in failed if e.is_step_failure] or failed)
