"""What a run did, as a table."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from core.cli.output.prices import Prices, dollars
from core.events.payloads import (
    PipelineFailureData,
    PipelineSuccessData,
    StepFailureData,
    StepSuccessData,
)
from core.events.records import DagsterEvent
from core.usage import Usage
from core.views.steps import StepReport, step_report

_TERMINAL_COLUMNS = 80
_STYLES = {"executed": "green", "memoized": "cyan", "skipped": "yellow", "failed": "red", "not executed": "dim"}


def run_table(
    title: str, events: Iterable[DagsterEvent], step_keys: Iterable[str] = (), prices: Prices | None = None
) -> Table:
    """A table of the steps of a run: executed or memoized, seconds, requests to remote storage, bytes, dollars.

    Args:
        title: above the table.
        events: of the run, in order.
        step_keys: steps that the run has; those of which nothing is told were not executed.
        prices: for the estimate in dollars; without them there is none.
    """
    # As wide as its title, which would be broken otherwise.
    table = Table(title=title, title_justify="left", title_style="bold", min_width=min(len(title), _TERMINAL_COLUMNS))
    # Folded where they do not fit, in 80 columns too: a key or an amount that is cut says nothing.
    table.add_column("step", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    listed = list(events)
    # The last word counts: a step that was memoized is executed all the same where its value went meanwhile.
    reports = {report.step_key: report for report in map(step_report, listed) if report is not None}
    for name in ("seconds", *(("S3 requests", "S3 seconds", "sent", "received") if _uses_remote(listed) else ())):
        table.add_column(name, justify="right", overflow="fold")
    if prices and _uses_remote(listed):
        table.add_column("about", justify="right", no_wrap=True)
    untold = [StepReport(key, "not executed") for key in step_keys if key not in reports]
    for report in [*reports.values(), *untold]:
        outcome = f"[{_STYLES[report.outcome]}]{report.outcome}[/]"
        table.add_row(report.step_key, outcome, _seconds(report.seconds), *_usage_cells(report.usage, prices))
    for event in listed:
        _add_totals(table, event, prices)
    return table


def failures(events: Iterable[DagsterEvent]) -> list[str]:
    """What failed in a run, a sentence each: the steps, or the run itself where no step did."""
    listed = [event for event in events if event.is_failure and event.message]
    return [str(event.message) for event in listed if event.is_step_failure] or [str(e.message) for e in listed]


def _add_totals(table: Table, event: DagsterEvent, prices: Prices | None) -> None:
    data = event.event_specific_data
    if isinstance(data, PipelineSuccessData | PipelineFailureData):
        table.add_section()
        if isinstance(data, PipelineSuccessData) and data.planning_usage.requests:
            table.add_row("(planning)", "", "", *_usage_cells(data.planning_usage, prices), style="dim")
        cells = _usage_cells(data.usage, prices)
        table.add_row("the run", "", _seconds(data.duration_ms / 1000), *cells, style="bold")


def _uses_remote(events: Iterable[DagsterEvent]) -> bool:
    data = [event.event_specific_data for event in events]
    usages = [each.usage for each in data if isinstance(each, StepSuccessData | StepFailureData)]
    usages += [each.usage for each in data if isinstance(each, PipelineSuccessData | PipelineFailureData)]
    return any(usage.requests for usage in usages)


def _usage_cells(usage: Usage, prices: Prices | None) -> list[str]:
    if not usage.requests:
        return []
    cells = [str(usage.requests), _seconds(usage.seconds), human_bytes(usage.bytes_sent)]
    return [*cells, human_bytes(usage.bytes_received), *([dollars(prices.of(usage))] if prices else [])]


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"


def human_bytes(count: int) -> str:
    """A number of bytes for people: "0 B", "12.3 KiB", "4.0 MiB"."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{int(size)} {unit}" if unit == "B" else f"{size:.1f} {unit}"
