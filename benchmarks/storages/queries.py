"""How fast runs and events are found, and what memory that takes."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.storages.engine import PAGE, Opening, log_name, pages

LIMIT = 50
_CALLS = 30
CASES: dict[str, dict[str, Any]] = {
    "all": {},
    "common status": {"status": "SUCCESS"},
    "rare status": {"status": "STARTED"},
    "common tag": {"tags": {"team": "team-1"}},
    "rare tag": {"tags": {"owner": "owner-1"}},
}


def newest(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """The newest 50 of `size` runs: the median call, in ms, after a first one."""
    engine = opening(directory)
    found: dict[str, float] = {}
    for name, filters in CASES.items():
        assert len(engine.newest(LIMIT, **filters)) == LIMIT, (name, size)
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            engine.newest(LIMIT, **filters)
            times.append((time.perf_counter() - start) * 1000)
        found[name] = statistics.median(times)
    engine.close()
    return found


def paging(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """Pages of 1,000 events by cursor, each in ms: medians of all, of some, and of the empty one that ends them."""
    engine = opening(directory)
    engine.page(log_name(size), None, 1)
    times, count, cursor, messages = [], 0, None, [""]
    while messages:
        start = time.perf_counter()
        messages, cursor = engine.page(log_name(size), cursor, PAGE)
        times.append((time.perf_counter() - start) * 1000)
        count += len(messages)
    engine.close()
    assert count == size, (count, size)
    *full, empty = times
    parts = {"all": full, "first ten": full[:10], "last ten": full[-10:], "empty": [empty]}
    return {name: statistics.median(part) for name, part in parts.items()}


def memory(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """The process's largest resident memory, in MiB, when it has paged through `size` events."""
    engine = opening(directory)
    count = sum(map(len, pages(engine, log_name(size))))
    engine.close()
    assert count == size, (count, size)
    # Not ru_maxrss: after fork and exec that still counts the parent.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"MiB": int(peak.split()[1]) / 1024}
