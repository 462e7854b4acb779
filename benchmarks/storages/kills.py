"""Killing the writer at random moments, and looking at what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from itertools import takewhile
from pathlib import Path

from benchmarks.storages.engine import SEED, TAGS, Engine, Opening, pages, run_ids

_KILLS_A_DIRECTORY = 10  # then a new one, so that making the databases is struck too
_EVENTS_A_RUN = 40
_LONGEST_SECONDS = 0.25
_OPENINGS = 3
_LEFT_ALONE_SECONDS = 30  # after which a writer ends that nothing kills


def kills(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """`size` writers killed: databases that do not open, acknowledged rows that are missing, halves of a write."""
    context = multiprocessing.get_context("fork")
    # A writer is killed while it opens the instance, or while it writes: both take about the same share of the time.
    longest = _LONGEST_SECONDS + _opening_seconds(opening, directory / "timed")
    moments = random.Random(SEED)
    unopened = acknowledged_rows = 0
    missing: dict[str, int] = {}  # a run is looked at after each kill in its directory, and counted once
    halves: dict[str, int] = {}
    for number in range(size):
        place = directory / f"instance-{number // _KILLS_A_DIRECTORY}"
        if number % _KILLS_A_DIRECTORY == 0:
            place.mkdir()
            acknowledged: dict[str, int] = {}
        told = place / f"acknowledged-{number}"
        writer = context.Process(target=_write, args=(opening, place, number, told), daemon=True)
        writer.start()
        time.sleep(moments.uniform(0, longest))
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        added = _read(told)
        acknowledged.update(added)
        acknowledged_rows += sum(1 + events for events in added.values())
        try:
            engine = opening(place)
            # What was stored and not yet acknowledged may be there or not, but whole.
            for run_id in {*acknowledged, *run_ids(1 + len(added), SEED + number)}:
                missing[run_id], halves[run_id] = _look(engine, run_id, acknowledged.get(run_id))
            engine.close()
            _check_files(place)
            assert writer.exitcode == -signal.SIGKILL, "the writer failed before it was killed"
        except Exception:  # noqa: BLE001  counted
            unopened += 1
    return {
        "not opened": unopened,
        "missing": sum(missing.values()),
        "half-written": sum(halves.values()),
        "acknowledged": acknowledged_rows,
    }


def _opening_seconds(opening: Opening, directory: Path) -> float:
    start = time.perf_counter()
    for number in range(_OPENINGS):
        opening(directory / str(number)).close()
    return (time.perf_counter() - start) / _OPENINGS


def _write(opening: Opening, directory: Path, number: int, told: Path) -> None:
    engine = opening(directory)
    end = time.monotonic() + _LEFT_ALONE_SECONDS
    # One write a line: what the system has taken survives the process.
    with told.open("ab", buffering=0) as acknowledged:
        for run_id in takewhile(lambda _: time.monotonic() < end, run_ids(10_000, SEED + number)):
            engine.add_run(engine.new_run(run_id, TAGS))
            acknowledged.write(f"{run_id} 0\n".encode())
            for event in range(0, _EVENTS_A_RUN, engine.batch):
                engine.store(run_id, [f"number {event + place}" for place in range(engine.batch)])
                acknowledged.write(f"{run_id} {event + engine.batch}\n".encode())


def _read(told: Path) -> dict[str, int]:
    lines: Iterable[str] = told.read_text().splitlines() if told.exists() else ()
    return {run_id: int(events) for run_id, events in (line.split() for line in lines)}


def _check_files(directory: Path) -> None:
    for path in directory.rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("pragma integrity_check").fetchall() == [("ok",)], path


def _look(engine: Engine, run_id: str, acknowledged: int | None) -> tuple[int, int]:
    tags = engine.tags_of(run_id)
    events = [message for page in pages(engine, run_id) for message in page]
    missing = int(acknowledged is not None and tags is None) + max(0, (acknowledged or 0) - len(events))
    is_whole = events == [f"number {number}" for number in range(len(events))] and len(events) % engine.batch == 0
    return missing, int(tags not in (None, TAGS)) + int(not is_whole)
