"""The time of the imports that every program needs."""

from __future__ import annotations

from rich.table import Table

from benchmarks.children import medians

REPEATS = 15
_TIMED = "import time; start = time.perf_counter(); {}; print((time.perf_counter() - start) * 1000)"


def table() -> Table:
    """Milliseconds to import the packages, and the libraries that they are compared with."""
    programs = {
        "import core": (_TIMED.format("import core"),),
        "import cloudstore, core being imported": ("import core; " + _TIMED.format("import cloudstore"),),
        "for comparison: import msgspec (a part of core's)": (_TIMED.format("import msgspec"),),
        "for comparison: import sqlalchemy (when first used)": (_TIMED.format("import sqlalchemy"),),
        "for comparison: import boto3 (when first used)": (_TIMED.format("import boto3"),),
    }
    goals = {"import core": "100", "import cloudstore, core being imported": "150"}
    result = Table(title=f"Imports, median of {REPEATS}", title_justify="left")
    result.add_column("what")
    result.add_column("ms", justify="right")
    result.add_column("at most", justify="right")
    for name, value in medians(programs, REPEATS).items():
        result.add_row(name, f"{value:.0f}", goals.get(name, ""))
    return result
