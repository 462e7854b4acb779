"""Tables of runs, and of what one run did."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from core.cli.output.grid import Column, Grid
from core.cli.output.terminal import cell, table
from core.cli.output.text import SHORT_ID, dollars, human_bytes
from core.records.pipeline_run import PipelineRunStatus
from core.usage import Usage
from core.views.prices import Prices
from core.views.queue import WaitingRun
from core.views.run_summaries import RunSummary
from core.views.runs import RunReport
from core.views.steps import StepReport

_STATUS_STYLES = {PipelineRunStatus.SUCCESS: "green", PipelineRunStatus.FAILURE: "red"}
_OUTCOME_STYLES = {
    "executed": "green",
    "memoized": "cyan",
    "skipped": "yellow",
    "failed": "red",
    "not executed": "dim",
}
_TIME = "%Y-%m-%d %H:%M:%S"


def runs_table(summaries: Iterable[RunSummary], is_verbose: bool = False) -> Grid:
    """A row for each run."""
    drawn = table(
        [
            Column("run"), Column("pipeline"), Column("mode", rank=6), Column("status"), Column("running", rank=1),
            Column("seconds", is_number=True, rank=2), Column("executed", is_number=True, rank=3),
            Column("memoized", is_number=True, rank=4), Column("started", rank=5),
        ]
    )  # fmt: skip
    for run in summaries:
        status = f"{run.status.value} (killed)" if run.is_killed else run.status.value
        drawn.add_row(
            cell(run.run_id if is_verbose else run.run_id[:SHORT_ID]),
            cell(run.pipeline_name),
            cell(run.mode),
            cell(status, style=_STATUS_STYLES.get(run.status, "yellow")),
            cell(*run.running_steps),
            _seconds(run.duration_seconds),
            _count(run.executed_count),
            _count(run.memoized_count),
            (run.started_at or run.created_at).astimezone().strftime(_TIME),
        )
    return drawn


def queue_table(waiting: Iterable[WaitingRun]) -> Grid:
    """A row for each run that waits."""
    drawn = table(
        [
            Column("run"),
            Column("pipeline"),
            Column("priority", is_number=True, rank=1),
            Column("held by", is_prose=True),
        ]
    )
    for each in waiting:
        held_by = "at most " + each.held_by if each.held_by is not None else "nothing; it is launched by the daemon"
        drawn.add_row(cell(each.run.run_id[:SHORT_ID]), cell(each.run.pipeline_name), str(each.priority), cell(held_by))
    return drawn


def run_table(title: str, report: RunReport, prices: Prices | None = None) -> Grid:
    """A row for each step of a run, and its totals: outcome, seconds, requests to remote storage, bytes, dollars.

    Args:
        title: shown above it.
        report: of the run.
        prices: for the estimate in dollars, which is left out without them.
    """
    remote = (("S3 requests", 2), ("S3 seconds", 5), ("sent", 3), ("received", 4), ("about", 1))
    numbers = [Column(name, is_number=True, rank=rank) for name, rank in (("seconds", 1), *remote)]
    drawn = table([Column("step"), Column("outcome"), *numbers], title)
    for step in report.steps:
        outcome = cell(_outcome(step), style=_OUTCOME_STYLES.get(step.outcome, "yellow"))
        drawn.add_row(cell(step.step_key), outcome, _seconds(step.seconds), *_usage_cells(step.usage, prices))
    if report.totals is not None:
        drawn.add_section()
        if report.totals.planning.requests:
            drawn.add_row("(planning)", "", "", *_usage_cells(report.totals.planning, prices), style="dim")
        cells = _usage_cells(report.totals.usage, prices)
        drawn.add_row("the run", "", _seconds(report.totals.seconds), *cells, style="bold")
    return drawn


def _outcome(step: StepReport) -> str:
    if step.until is not None and step.outcome == "waiting to be run again":
        return f"{step.outcome} at {step.until.astimezone().strftime(_TIME)}"
    if step.since is not None and step.outcome == "running":
        return f"{step.outcome} since {step.since.astimezone().strftime(_TIME)}"
    return step.outcome


def _usage_cells(usage: Usage, prices: Prices | None) -> list[str]:
    if not usage.requests:
        return []
    cells = [str(usage.requests), _seconds(usage.seconds), human_bytes(usage.bytes_sent)]
    return [*cells, human_bytes(usage.bytes_received), *([dollars(prices.cost(usage))] if prices else [])]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"


def _count(count: int | None) -> str:
    return "" if count is None else str(count)


def ways_to_look(run_id: str, report: RunReport, is_shown: bool = False) -> list[str]:
    """The commands that tell more of a run that failed, one a line.

    Args:
        run_id: the run.
        report: of it.
        is_shown: whether `cloudstore runs show` tells them.
    """
    failed = [step.step_key for step in report.steps if step.outcome == "failed"]
    commands = [f"cloudstore logs {run_id} {shlex.quote(key)}" for key in failed[:1]]
    commands += [] if is_shown else [f"cloudstore runs show {run_id}"]
    return ["To look further:", *(f"  {command}" for command in commands)] if commands else []
