"""Runs every benchmark and prints its table: `make bench`, or `python -m benchmarks NAME ...` for some."""

from __future__ import annotations

import platform
import signal
import sys

from rich.console import Console

from benchmarks import graphs, imports, latency, steps, versions
from benchmarks.launching.table import table as launching
from benchmarks.logs import table as logs
from benchmarks.memo import table as memo
from benchmarks.processes import table as processes
from benchmarks.s3 import table as s3
from benchmarks.storages import table as storages

BENCHMARKS = {
    "imports": imports.table,
    "steps": steps.table,
    "processes": processes.table,
    "launching": launching,
    "graphs": graphs.table,
    "versions": versions.table,
    "storages": storages.table,
    "s3": s3.table,
    "latency": latency.table,
    "logs": logs.table,
    "memo": memo.table,
}


def main() -> None:
    """Prints the machine and the tables."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped and files deleted then too
    console = Console(width=120)
    console.print(f"Python {platform.python_version()}, {platform.platform()}\n")
    for name in sys.argv[1:] or BENCHMARKS:
        console.print(BENCHMARKS[name](), "")


main()
