"""What a run's use of S3 is said to cost."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from core.cli.output.runs import run_table
from core.cli.output.text import dollars
from core.errors import DagsterInvalidConfigError
from core.events import DagsterEvent
from core.events.payloads import PipelineSuccessData, StepSuccessData
from core.usage import Usage, UsageMeter
from core.views.prices import Prices, prices_from
from core.views.runs import report_run


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), 0.0),
        (Usage(requests=1000, write_requests=1000), 0.005),
        (Usage(requests=1000), 0.0004),
        (Usage(requests=3000, write_requests=1000, bytes_sent=10**12, bytes_received=10**12, seconds=5), 0.0058),
    ],
)
def test_requests_cost_by_their_kind(usage: Usage, cost: float) -> None:
    assert Prices().cost(usage) == pytest.approx(cost)


def test_traffic_costs_where_the_table_says_so() -> None:
    prices = Prices(0, 0, per_gb_sent=0.5, per_gb_received=0.09)
    assert prices.cost(Usage(7, 2 * 10**9, 10**9)) == pytest.approx(1.09)


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "$0.00"), (0.0000004, "$0.00"), (0.0054, "$0.0054"), (0.5, "$0.50"), (12.345, "$12.35")]
)
def test_dollars(amount: float, shown: str) -> None:
    assert dollars(amount) == shown


def test_where_prices_come_from(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("per_1000_reads: 0.001\nper_gb_received: 0.09\n")
    settings = {"prices": {"per_1000_writes": 0.5}}
    assert prices_from(None, {}) == Prices()
    assert prices_from(None, settings) == Prices(per_1000_writes=0.5)
    assert prices_from(file, settings) == Prices(per_1000_reads=0.001, per_gb_received=0.09)


@pytest.mark.parametrize(
    ("given", "said"), [({"per_read": 1}, "unknown key 'per_read'"), ({"per_gb_sent": "dear"}, "per_gb_sent")]
)
def test_prices_that_are_none(given: dict[str, object], said: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=f"Invalid prices in the settings of dagster.yaml(.|\n)*{said}"):
        prices_from(None, {"prices": given})


def test_the_table_has_the_estimate_of_each_step_and_of_the_run() -> None:
    usage = Usage(2000, 2_000_000, 0, 1.5, 1000)
    events = [
        DagsterEvent("STEP_SUCCESS", "p", None, "a", event_specific_data=StepSuccessData(10.0, usage)),
        DagsterEvent("STEP_SUCCESS", "p", None, "b", event_specific_data=StepSuccessData(10.0)),
        DagsterEvent("PIPELINE_SUCCESS", "p", event_specific_data=PipelineSuccessData(20.0, usage + usage)),
    ]
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(run_table("t", report_run(events), Prices()))
    rows = [line for line in console.export_text().splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert cells == [
        ["a", "executed", "0.01", "2000", "1.50", "1.9 MiB", "0 B", "$0.0054"],
        ["b", "executed", "0.01", "", "", "", "", ""],
        ["the run", "", "0.02", "4000", "3.00", "3.8 MiB", "0 B", "$0.0108"],
    ]


def test_nothing_of_the_table_is_cut_in_80_columns() -> None:
    usage = Usage(1, 999_999, 999_999, 1.5, 1)
    data = StepSuccessData(123_450.0, usage)
    events = [DagsterEvent("STEP_SUCCESS", "p", None, "a_long_name_of_a_step", event_specific_data=data)]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(run_table("t", report_run(events), Prices()))
    text = console.export_text()
    assert "…" not in text
    assert "executed" in text
    assert "$0.000005" in text


def test_a_meter_counts_writes() -> None:
    meter = UsageMeter()
    before = meter.read()
    meter.add(requests=2, write_requests=1)
    meter.add(requests=1, bytes_sent=5)
    assert meter.read() - before == Usage(requests=3, bytes_sent=5, write_requests=1)
