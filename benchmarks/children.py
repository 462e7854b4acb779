"""Measures in new processes, so that nothing is cached that would not be in practice."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def measured(code: str, *arguments: str) -> float:
    """The number that a Python program prints on its last line."""
    return float(figures([sys.executable, "-c", code, *arguments]))


def figures(command: list[str], timeout_seconds: float | None = None) -> Any:
    """What a program prints on its last line, as JSON.

    Raises:
        subprocess.CalledProcessError: it failed.
        subprocess.TimeoutExpired: it took longer, and was killed.
    """
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=timeout_seconds)
    return json.loads(result.stdout.splitlines()[-1])


def medians(programs: Mapping[str, tuple[str, ...]], repeats: int) -> dict[str, float]:
    """The median of what each program prints; the programs run in turn, so that a busy moment affects them all.

    Args:
        programs: name -> code and arguments.
        repeats: how often each runs.
    """
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, (code, *arguments) in programs.items():
            found[name].append(measured(code, *arguments))
    return {name: statistics.median(values) for name, values in found.items()}
