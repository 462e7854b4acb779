"""What commands print with `--json`: one document each, whose keys do not change.

Times are of UTC, in ISO 8601; other quantities have their unit in their name. Nothing in it is config, so no secret is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter
from core.usage import Usage
from core.versions.explain import Explanation
from core.views.run_summaries import RunSummary, summarize_runs
from core.views.runs import RunReport
from core.views.steps import StepReport


class StepDocument(msgspec.Struct, frozen=True):
    """How a step ended; see `StepReport`.

    Attributes:
        step_key: the step.
        outcome: what happened to it.
        duration_seconds: how long it took; None if it was not executed.
        since: when that began, of a step that has not ended.
        until: when a step that waits is to be run again.
        usage: its use of remote storage.
    """

    step_key: str
    outcome: str
    duration_seconds: float | None
    since: datetime | None
    until: datetime | None
    usage: Usage


class RunDocument(RunSummary, frozen=True, kw_only=True):
    """One run: what a list tells of it, and its steps.

    Attributes:
        steps: in the order in which they ended, then the others.
        usage: its use of remote storage, planning included; None while it has not ended.
        planning_usage: the part of it that decided which steps to execute.
        failures: one sentence for each step that failed; for the run itself if no step did.
        hook_errors: one sentence for each hook that raised, which fails no step.
    """

    steps: tuple[StepDocument, ...]
    usage: Usage | None
    planning_usage: Usage | None
    failures: tuple[str, ...]
    hook_errors: tuple[str, ...]


class RunsDocument(msgspec.Struct, frozen=True):
    """Runs, newest first."""

    runs: list[RunSummary]


class PlanDocument(msgspec.Struct, frozen=True):
    """What a run would do.

    Attributes:
        pipeline_name: the pipeline.
        is_memoized: whether the run would skip steps whose values are stored.
        steps: one explanation each.
    """

    pipeline_name: str
    is_memoized: bool
    steps: Sequence[Explanation]


class ExplainDocument(msgspec.Struct, frozen=True):
    """Why the steps of a run were executed or not.

    Attributes:
        run_id: the run.
        pipeline_name: its pipeline.
        status: how far it is, or how it ended.
        steps: one explanation each; none where nothing can be said.
        unexplained: why nothing can be said.
    """

    run_id: str
    pipeline_name: str
    status: str
    steps: Sequence[Explanation]
    unexplained: str | None = None


def document_run(instance: DagsterInstance, run: PipelineRun, report: RunReport) -> RunDocument:
    """The document of a stored run.

    Args:
        instance: has the run.
        run: the run.
        report: its report.
    """
    records = instance.get_run_records(PipelineRunsFilter(run_ids=(run.run_id,)), limit=1)
    [summary] = summarize_runs(instance, records, datetime.now(UTC))
    totals = report.totals
    return RunDocument(
        **msgspec.structs.asdict(summary),
        steps=tuple(_step(each) for each in report.steps),
        usage=totals.usage if totals else None,
        planning_usage=totals.planning if totals else None,
        failures=report.failures,
        hook_errors=report.hook_errors,
    )


def _step(report: StepReport) -> StepDocument:
    return StepDocument(
        report.step_key, report.outcome, report.seconds, _utc(report.since), _utc(report.until), report.usage
    )


def _utc(time: datetime | None) -> datetime | None:
    return time and time.astimezone(UTC)
