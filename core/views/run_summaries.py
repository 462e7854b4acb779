"""What is told of each run in a list of runs: how long it took, how its steps ended, and what it does now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from core.events.event_types import DagsterEventType
from core.events.records import EventLogEntry
from core.instance import DagsterInstance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRunStatus, RunRecord
from core.records.tags import EVENTS_PRUNED_TAG
from core.views.runs import was_killed
from core.views.steps import steps_not_ended


class RunSummary(msgspec.Struct, frozen=True):
    """A run in a list. Times are of UTC.

    Attributes:
        run_id: its id.
        pipeline_name: the pipeline.
        mode: the mode.
        status: how far it is, or how it ended.
        created_at: when it was recorded.
        started_at: when its execution began; None while it has not, and where its events were pruned.
        ended_at: when it ended; None while it has not, and where its events were pruned.
        duration_seconds: how long its execution took, or takes until now; None where that is not known.
        executed_count: steps that were executed with success; None where its events were pruned, as the next two.
        memoized_count: steps that were not executed, because their values are stored.
        failed_count: steps that failed.
        running_steps: steps that are executed now.
        is_killed: whether its process is known to have died before the run ended.
    """

    run_id: str
    pipeline_name: str
    mode: str
    status: PipelineRunStatus
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: float | None
    executed_count: int | None
    memoized_count: int | None
    failed_count: int | None
    running_steps: tuple[str, ...] = ()
    is_killed: bool = False


_ENDS = {
    PipelineRunStatus.SUCCESS: DagsterEventType.PIPELINE_SUCCESS,
    PipelineRunStatus.FAILURE: DagsterEventType.PIPELINE_FAILURE,
    PipelineRunStatus.CANCELED: DagsterEventType.PIPELINE_CANCELED,
}


def summarize_runs(instance: DagsterInstance, records: Iterable[RunRecord], now: datetime) -> list[RunSummary]:
    """The summaries of stored runs, in their order.

    Args:
        instance: has the runs.
        records: of the runs.
        now: the time until which those that have not ended have taken.
    """
    return [_summary(instance, record, now) for record in records]


def _summary(instance: DagsterInstance, record: RunRecord, now: datetime) -> RunSummary:
    run = record.pipeline_run
    started = _time_of(instance, run.run_id, DagsterEventType.PIPELINE_START)
    end_type = _ENDS.get(run.status)
    ended = _time_of(instance, run.run_id, end_type) if end_type else None
    is_killed = run.status in IN_PROGRESS_STATUSES and was_killed(instance, run.run_id)
    until = ended if run.is_finished or is_killed else now
    executed, memoized, failed = (_keys(instance, run.run_id, each) for each in _STEP_ENDS)
    is_known = EVENTS_PRUNED_TAG not in run.tags
    return RunSummary(
        run.run_id,
        run.pipeline_name,
        run.mode,
        run.status,
        record.create_timestamp.astimezone(UTC),
        started,
        ended,
        (until - started).total_seconds() if started and until else None,
        len(executed) if is_known else None,
        len(memoized - executed - failed) if is_known else None,
        len(failed) if is_known else None,
        _running_steps(instance, run.run_id) if run.status in IN_PROGRESS_STATUSES and not is_killed else (),
        is_killed,
    )


_STEP_ENDS = DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_MEMOIZED, DagsterEventType.STEP_FAILURE


def _keys(instance: DagsterInstance, run_id: str, of_type: DagsterEventType) -> set[str]:
    return {entry.step_key for entry in instance.all_logs(run_id, of_type) if entry.step_key}


def _time_of(instance: DagsterInstance, run_id: str, of_type: DagsterEventType) -> datetime | None:
    entries: list[EventLogEntry] = instance.all_logs(run_id, of_type)
    return datetime.fromtimestamp(entries[-1].timestamp, UTC) if entries else None


def _running_steps(instance: DagsterInstance, run_id: str) -> tuple[str, ...]:
    begun = steps_not_ended(instance.all_logs(run_id), is_over=False)
    return tuple(key for key, report in begun.items() if report.outcome == "running")
