"""Runs every benchmark and prints its table: `make bench`, or `python -m benchmarks NAME ...` for some."""

from __future__ import annotations

import platform
import sys

from rich.console import Console

from benchmarks import imports, steps
from benchmarks.storages import table as storages

BENCHMARKS = {"imports": imports.table, "steps": steps.table, "storages": storages.table}


def main() -> None:
    """Prints the machine and the tables."""
    console = Console(width=120)
    console.print(f"Python {platform.python_version()}, {platform.platform()}\n")
    for name in sys.argv[1:] or BENCHMARKS:
        console.print(BENCHMARKS[name](), "")


main()
