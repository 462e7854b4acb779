"""The table of runs that are launched."""

from __future__ import annotations

import sys
import time
from statistics import median
from subprocess import run

from rich.table import Table

from benchmarks.children import figures

_RUNS = 100
_GOAL_MS = 150


def table() -> Table:
    """How long it takes to launch a run by a code server that has loaded its code."""
    measured = figures([sys.executable, "-m", "benchmarks.launching.launched", str(_RUNS)])
    floor = [_empty_process_ms() for _ in range(_RUNS // 2)]
    result = Table(title=f"Runs launched by a warm code server, {_RUNS} one after the other", title_justify="left")
    for name in ("ms", "median", "p95", "goal (p95)"):
        result.add_column(name, justify="left" if name == "ms" else "right")
    for name, what, goal in (
        ("called", "the call returns", ""),
        ("started", "the run is STARTED", f"≤ {_GOAL_MS}"),
        ("ended", "its only step is done, and the run has ended", ""),
    ):
        result.add_row(what, *_shown(measured[name]), goal)
    result.add_row("for comparison: `python -c pass`", *_shown(floor), "")
    return result


def _shown(milliseconds: list[float]) -> tuple[str, str]:
    ordered = sorted(milliseconds)
    return f"{median(ordered):.0f}", f"{ordered[int(len(ordered) * 0.95)]:.0f}"


def _empty_process_ms() -> float:
    begun = time.perf_counter()
    run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter() - begun) * 1000
