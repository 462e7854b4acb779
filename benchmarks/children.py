"""Measuring in processes of their own, so that nothing is warm that would not be."""

from __future__ import annotations

import statistics
import subprocess
import sys


def measured(code: str, *arguments: str) -> float:
    """The number that a Python program prints on its last line."""
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(result.stdout.splitlines()[-1])


def medians(programs: dict[str, tuple[str, ...]], repeats: int) -> dict[str, float]:
    """The median of what each program prints; the programs run in turn, so that a busy moment strikes them all.

    Args:
        programs: name -> code and arguments.
        repeats: how often each runs.
    """
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, (code, *arguments) in programs.items():
            found[name].append(measured(code, *arguments))
    return {name: statistics.median(values) for name, values in found.items()}
