"""Tables of runs, and of what one run did."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from core.cli.output.terminal import cell, table
from core.cli.output.text import SHORT_ID, dollars, human_bytes
from core.printable import printable
from core.records.pipeline_run import PipelineRunStatus, RunRecord
from core.usage import Usage
from core.views.prices import Prices
from core.views.runs import RunReport
from core.views.steps import StepReport

_TERMINAL_COLUMNS = 80
_STATUS_STYLES = {PipelineRunStatus.SUCCESS: "green", PipelineRunStatus.FAILURE: "red"}
_OUTCOME_STYLES = {
    "executed": "green",
    "memoized": "cyan",
    "skipped": "yellow",
    "failed": "red",
    "not executed": "dim",
}
_TIME = "%Y-%m-%d %H:%M:%S"


def runs_table(records: Iterable[RunRecord]) -> Table:
    """A row for each run."""
    drawn = table([(name, {"no_wrap": True}) for name in ("run", "pipeline", "mode", "status", "started")])
    for record in records:
        run = record.pipeline_run
        status = cell(run.status.value, style=_STATUS_STYLES.get(run.status, "yellow"))
        started = record.create_timestamp.astimezone().strftime(_TIME)
        drawn.add_row(cell(run.run_id[:SHORT_ID]), cell(run.pipeline_name), cell(run.mode), status, cell(started))
    return drawn


def run_table(title: str, report: RunReport, prices: Prices | None = None) -> Table:
    """A row for each step of a run, and its totals: outcome, seconds, requests to remote storage, bytes, dollars.

    Args:
        title: shown above the table.
        report: of the run.
        prices: for the estimate in dollars, which is left out without them.
    """
    # Folded where they do not fit, in 80 columns too: a key or an amount that is cut says nothing.
    remote = ("S3 requests", "S3 seconds", "sent", "received") if report.uses_remote_storage else ()
    numbers = [(name, {"justify": "right", "overflow": "fold"}) for name in ("seconds", *remote)]
    about = [("about", {"justify": "right", "no_wrap": True})] if prices and report.uses_remote_storage else []
    # As wide as its title, which would be broken otherwise.
    drawn = table(
        [("step", {"overflow": "fold"}), ("outcome", {"no_wrap": True}), *numbers, *about],
        title,
        min_width=min(len(printable(title)), _TERMINAL_COLUMNS),
    )
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
