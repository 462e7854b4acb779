"""The table of the storages."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from benchmarks.children import figures
from benchmarks.peers import PEER_PYTHON, has_peer
from benchmarks.storages.programs import BARE, OURS, PEER, PROGRAMS, Figures, Measuring
from benchmarks.storages.server import postgres_server

_VERSION = "import importlib.metadata, json; print(json.dumps(importlib.metadata.version('dagster')))"
Found = dict[str, Figures | str]


class _Row(NamedTuple):
    what: str
    program: str
    figure: str
    goal: str = ""
    more_is_better: bool | None = None  # None: the row has no ratio


_ROWS = (
    _Row("runs added one by one, a second", "runs", "runs/s", "≥ 2,000", True),
    _Row("events stored from a running step, a second", "step", "events/s", "≥ 20,000", True),
    _Row("the same on PostgreSQL", "step on PostgreSQL", "events/s", "≥ 10,000", True),
    _Row("newest 50 of 100,000 runs, ms", "newest", "all", "≤ 5", False),
    _Row("… of those in a common status, ms", "newest", "common status", "≤ 5", False),
    _Row("… of those in a rare status, ms", "newest", "rare status", "≤ 5", False),
    _Row("… of those with a common tag, ms", "newest", "common tag", "≤ 5", False),
    _Row("… of those with a rare tag, ms", "newest", "rare tag", "≤ 5", False),
    _Row("1,000 of a log of 100,000 events, ms a page", "paging", "all", "≤ 10", False),
    _Row("… the first ten pages", "paging", "first ten", "≤ 10", False),
    _Row("… the last ten pages", "paging", "last ten", "≤ 10", False),
    _Row("… the empty page after the last", "paging", "empty", "≤ 10", False),
    _Row("the same on PostgreSQL, just written, ms a page", "paging on PostgreSQL", "all", "≤ 10", False),
    _Row("… the first ten pages", "paging on PostgreSQL", "first ten", "≤ 10", False),
    _Row("… the last ten pages", "paging on PostgreSQL", "last ten", "≤ 10", False),
    _Row("… the empty page after the last", "paging on PostgreSQL", "empty", "≤ 10", False),
    _Row("the same on PostgreSQL, analyzed, ms a page", "paging on PostgreSQL, analyzed", "all", "≤ 10", False),
    _Row("… the first ten pages", "paging on PostgreSQL, analyzed", "first ten", "≤ 10", False),
    _Row("… the last ten pages", "paging on PostgreSQL, analyzed", "last ten", "≤ 10", False),
    _Row("… the empty page after the last", "paging on PostgreSQL, analyzed", "empty", "≤ 10", False),
    _Row("32 processes for 20 s: errors", "processes", "errors", "0"),
    _Row("… runs lost", "processes", "runs lost", "0"),
    _Row("… events lost", "processes", "events lost", "0"),
    _Row("… events out of order", "processes", "out of order", "0"),
    _Row("… runs stored, a second", "processes", "runs/s", "", True),
    _Row("… events stored, a second", "processes", "events/s", "", True),
    _Row("writer killed 200 times: databases broken", "kills", "not opened", "0"),
    _Row("… acknowledged rows missing", "kills", "missing", "0"),
    _Row("… half-written rows", "kills", "half-written", "0"),
    _Row("… acknowledged rows, for comparison", "kills", "acknowledged"),
    _Row("memory, 10,000 events in pages, MiB", "memory of 10,000", "MiB"),
    _Row("memory, 1,000,000 events in pages, MiB", "memory of 1,000,000", "MiB", "the same"),
)


def table() -> Table:
    """Every measure of every engine; takes some minutes."""
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as name:
        directory = Path(name)
        with postgres_server(directory) as new_database:
            measuring = Measuring(directory, new_database, has_peer())
            measuring.fill()
            found = {name: measuring.medians(program) for name, program in PROGRAMS.items()}
    return _shown(found, figures([PEER_PYTHON, "-c", _VERSION]) if has_peer() else None)


def _shown(found: dict[str, Found], peer_version: str | None) -> Table:
    result = Table(
        title="Storages", title_justify="left", caption=_caption(found, peer_version), caption_justify="left"
    )
    result.add_column("what", no_wrap=True)
    columns = ["cloudstore", "goal", "bare sqlite3", *([f"Dagster {peer_version}", "ratio"] if peer_version else [])]
    for column in columns:
        result.add_column(column, justify="right")
    for row in _ROWS:
        of = found[row.program]
        cells = [_cell(of, OURS, row), row.goal, _cell(of, BARE, row)]
        result.add_row(row.what, *cells, *([_cell(of, PEER, row), _ratio(of, row)] if peer_version else []))
    return result


def _cell(of: Found, engine: str, row: _Row) -> str:
    figures_or_reason = of.get(engine, {})
    if isinstance(figures_or_reason, str):
        return "none"
    value = figures_or_reason.get(row.figure)
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 20 or value == int(value) else f"{value:.2f}"


def _ratio(of: Found, row: _Row) -> str:
    ours, peer = of.get(OURS), of.get(PEER)
    if row.more_is_better is None or not isinstance(ours, dict) or not isinstance(peer, dict):
        return ""
    ratio = ours[row.figure] / peer[row.figure]
    better = ratio if row.more_is_better else 1 / ratio
    return f"{better:,.0f} x" if better >= 20 else f"{better:.1f} x"


def _caption(found: dict[str, Found], peer_version: str | None) -> str | None:
    """What the rows do not say: smaller sizes for the peer, why figures are missing, and which errors there were."""
    smaller = [
        f"{name}: {program.peer_size:,} rather than {program.size:,}"
        for name, program in PROGRAMS.items()
        if program.peer_size and peer_version
    ]
    lines = [f"Dagster's sizes are smaller for {'; '.join(smaller)}."] if smaller else []
    for name, of in found.items():
        for engine, figures_or_reason in of.items():
            if isinstance(figures_or_reason, str):
                lines.append(f"No {name} of {engine}: {figures_or_reason}")
            else:
                errors = {figure: count for figure, count in figures_or_reason.items() if figure.startswith("error: ")}
                lines += [f"{engine}, {name}, {count:.0f} times: {error}" for error, count in errors.items()]
    return "\n".join(lines) or None
