"""The table of steps in processes of their own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.children import figures
from benchmarks.peers import PEER_PYTHON, has_peer
from benchmarks.processes import on_dask
from benchmarks.processes.programs import DEATH, FLIGHTS, LEFT, STEPS, WIDE

_REPEATS = 3
_PIPELINES = {
    "flights by month": ["-a", "flights_by_month", "--set", "solids.delays_of_month.config.resamples=10000"],
    "flights": ["-a", "flights"],
}
_FEW, _MANY, _PEER = 50, 1000, 20
_PEER_PROGRAM = str(Path(__file__).parents[1] / "peers" / "newest_processes.py")


def table() -> Table:
    """Every measure; takes some minutes."""
    result = Table(title=f"Steps in processes of their own, medians of {_REPEATS}", title_justify="left")
    for name in ("what", "cloudstore", "goal", *(["Dagster", "ratio"] if has_peer() else [])):
        result.add_column(name, justify="left" if name == "what" else "right")
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as folder:
        for row in _rows(Path(folder)):
            result.add_row(*row[: len(result.columns)])
    return result


def _rows(folder: Path) -> list[tuple[str, ...]]:
    file = folder / "steps.py"
    file.write_text(STEPS)
    turns: list[dict[str, Any]] = []
    for _ in range(_REPEATS):
        turn = {str(count): _figures(WIDE, file, STEPS=str(count)) for count in (_FEW, _MANY)}
        turn["death"] = _figures(DEATH, file, STEPS="10", DIED=str(folder / "died"))
        for name, arguments in _PIPELINES.items():
            turn[name] = figures([sys.executable, "-c", FLIGHTS, *arguments])
            turn[f"{name}, two"] = figures([sys.executable, "-c", FLIGHTS, *arguments, "--processes", "2"])
        if has_peer():
            turn["peer"] = figures([PEER_PYTHON, _PEER_PROGRAM, str(_PEER)])
        turns.append(turn)
    few, many = (median(turn[str(count)]["ms"] for turn in turns) for count in (_FEW, _MANY))
    first = median(turn[str(_FEW)]["first_seconds"] for turn in turns)
    peer_ms, peer_first = (
        (median(turn["peer"][name] for turn in turns) for name in ("ms", "first_seconds")) if has_peer() else (0, 0)
    )
    left = _figures(LEFT, file, STEPS=str(_MANY), DIED=str(folder / "died"), TMPDIR=str(_made(folder / "temporary")))
    said = ", ".join(f"{count} {name}" for name, count in left.items()) or "0"
    return [
        ("a trivial step, two at a time, ms", f"{few:.1f}", "≤ 30", f"{peer_ms:.0f}", f"{peer_ms / few:.0f}"),
        (f"… in a run of {_MANY:,}, ms", f"{many:.1f}", "≤ 30", "", ""),
        (f"… in a run of {_MANY:,}, against one of {_FEW}", f"{many / few:.2f}", "≤ 1.1", "", ""),
        (
            "the first step after the start of its run, s",
            f"{first:.2f}",
            "≤ 0.5",
            f"{peer_first:.2f}",
            _ratio(peer_first, first),
        ),
        *_flights(turns),
        (
            "from the death of a step's process to the event, ms",
            f"{median(turn['death'] for turn in turns):.1f}",
            "≤ 50",
            "",
            "",
        ),
        (f"left after {_MANY:,} steps, of which 1 in 10 crashed", said, "0", "", ""),
        *on_dask.rows(folder),
    ]


def _flights(turns: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows = []
    for name, goal in zip(_PIPELINES, ("≤ 0.65", ""), strict=True):
        one, two = (median(turn[each] for turn in turns) for each in (name, f"{name}, two"))
        rows += [
            (f"{name}, cold, two processes against one", f"{two / one:.2f}", goal, "", ""),
            ("… seconds of the command", f"{one:.1f}; {two:.1f}", "", "", ""),
        ]
    return rows


def _ratio(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.1f}"


def _figures(program: str, file: Path, **variables: str) -> Any:
    return _with(variables, [sys.executable, "-c", program, str(file)])


def _with(variables: Mapping[str, str], command: list[str]) -> Any:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        return figures(command)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
