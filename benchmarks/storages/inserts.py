"""How fast runs and events are stored."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.storages.engine import TAGS, TEMPLATE_MESSAGE, Opening, log_name, pages, run_ids


def runs(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """Runs with two tags added per second, one by one."""
    engine = opening(directory)
    first, *others = (engine.new_run(run_id, TAGS) for run_id in run_ids(size + 1))
    engine.add_run(first)  # which makes the database
    start = time.perf_counter()
    for run in others:
        engine.add_run(run)
    elapsed = time.perf_counter() - start
    engine.close()
    return {"runs/s": size / elapsed}


def step(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """Events stored per second from a step that logs `size` messages, until all are stored."""
    engine = opening(directory)
    engine.run_step(1)  # which imports what a run needs
    start = time.perf_counter()
    run_id = engine.run_step(size)
    elapsed = time.perf_counter() - start
    if hasattr(engine, "page"):
        stored = [message for page in pages(engine, run_id) for message in page if message.startswith("number ")]
        assert stored == [f"number {number}" for number in range(size)], f"{len(stored)} of {size} are stored"
    engine.close()
    return {"events/s": size / elapsed}


def template(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """Stores the row to copy: a run if `size` is 0, else the first event of the log that will have `size` events."""
    engine = opening(directory)
    if size:
        engine.store(log_name(size), [TEMPLATE_MESSAGE])
    else:
        engine.add_run(engine.new_run(run_ids(1)[0], TAGS))
    engine.close()
    return {}
