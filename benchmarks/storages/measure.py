"""One measure of one engine, as a program: its figures are its last line, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.storages.engine import Opening, opening
from benchmarks.storages.inserts import runs, step, template
from benchmarks.storages.kills import kills
from benchmarks.storages.processes import processes
from benchmarks.storages.queries import memory, newest, paging

Measured = Callable[[Opening, Path, int], dict[str, float]]
_MEASURES: tuple[Measured, ...] = (runs, step, newest, paging, memory, processes, kills, template)


def main(name: str, engine: str, directory: str, size: str, postgres_url: str = "") -> None:
    """Prints the figures.

    Args:
        name: of the measure.
        engine: of the engine.
        directory: of its instance; some are made, some are filled.
        size: how many.
        postgres_url: where runs and events are, instead of files in the directory.
    """
    measures = {measure.__name__: measure for measure in _MEASURES}
    found = measures[name](opening(engine, postgres_url or None), Path(directory), int(size))
    print(json.dumps(found))


main(*sys.argv[1:])
