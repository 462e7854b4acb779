"""Tables of runs, and of what one run did."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from core.cli.output.text import SHORT_ID, dollars, human_bytes
from core.records.pipeline_run import PipelineRunStatus, RunRecord
from core.usage import Usage
from core.views.prices import Prices
from core.views.runs import RunReport

_TERMINAL_COLUMNS = 80
_STATUS_STYLES = {PipelineRunStatus.SUCCESS: "green", PipelineRunStatus.FAILURE: "red"}
_OUTCOME_STYLES = {
    "executed": "green",
    "memoized": "cyan",
    "skipped": "yellow",
    "failed": "red",
    "not executed": "dim",
}


def runs_table(records: Iterable[RunRecord]) -> Table:
    """A row for each run."""
    table = Table()
    for column in ("run", "pipeline", "mode", "status", "started"):
        table.add_column(column, no_wrap=True)
    for record in records:
        run = record.pipeline_run
        status = f"[{_STATUS_STYLES.get(run.status, 'yellow')}]{run.status.value}[/]"
        started = record.create_timestamp.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(run.run_id[:SHORT_ID], run.pipeline_name, run.mode, status, started)
    return table


def run_table(title: str, report: RunReport, prices: Prices | None = None) -> Table:
    """A row for each step of a run, and its totals: outcome, seconds, requests to remote storage, bytes, dollars.

    Args:
        title: shown above the table.
        report: of the run.
        prices: for the estimate in dollars, which is left out without them.
    """
    # As wide as its title, which would be broken otherwise.
    table = Table(title=title, title_justify="left", title_style="bold", min_width=min(len(title), _TERMINAL_COLUMNS))
    # Folded where they do not fit, in 80 columns too: a key or an amount that is cut says nothing.
    table.add_column("step", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    remote = ("S3 requests", "S3 seconds", "sent", "received") if report.uses_remote_storage else ()
    for name in ("seconds", *remote):
        table.add_column(name, justify="right", overflow="fold")
    if prices and report.uses_remote_storage:
        table.add_column("about", justify="right", no_wrap=True)
    for step in report.steps:
        outcome = f"[{_OUTCOME_STYLES[step.outcome]}]{step.outcome}[/]"
        table.add_row(step.step_key, outcome, _seconds(step.seconds), *_usage_cells(step.usage, prices))
    if report.totals is not None:
        table.add_section()
        if report.totals.planning.requests:
            table.add_row("(planning)", "", "", *_usage_cells(report.totals.planning, prices), style="dim")
        cells = _usage_cells(report.totals.usage, prices)
        table.add_row("the run", "", _seconds(report.totals.seconds), *cells, style="bold")
    return table


def _usage_cells(usage: Usage, prices: Prices | None) -> list[str]:
    if not usage.requests:
        return []
    cells = [str(usage.requests), _seconds(usage.seconds), human_bytes(usage.bytes_sent)]
    return [*cells, human_bytes(usage.bytes_received), *([dollars(prices.cost(usage))] if prices else [])]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
