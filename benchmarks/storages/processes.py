"""Many processes that add runs and events to one instance at once."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

from benchmarks.storages.engine import SEED, TAGS, Opening, pages, run_ids

PROCESSES = 32
_OWN_EVENTS = 8  # of each run, in its own log
_SHARED_EVENTS = 2  # of each run, in a log that all processes write to
_SHARED_LOG = "shared-log"
_MANY = 100_000
_LONGEST_OPENING_SECONDS = 100  # then the processes end


class _Told(NamedTuple):
    """What a process was told is stored: its runs, each with the events in its log, and those in the shared log."""

    runs: dict[str, list[str]]
    shared: list[str]
    errors: list[str]


def processes(opening: Opening, directory: Path, size: int) -> dict[str, float]:
    """32 processes for `size` seconds: what failed, what is missing, what is in another order, what was stored."""
    context = multiprocessing.get_context("fork")
    opening(directory).close()
    opened = context.Barrier(PROCESSES, timeout=_LONGEST_OPENING_SECONDS)
    pipes, children = [], []
    for number in range(PROCESSES):
        receiving, sending = context.Pipe(duplex=False)
        arguments = (opening, directory, number, size, opened, sending)
        children.append(context.Process(target=_write, args=arguments, daemon=True))
        pipes.append(receiving)
        children[-1].start()
        sending.close()
    told = [_Told(*pipe.recv()) for pipe in pipes]
    for child in children:
        child.join()
    events = sum(len(each.shared) + sum(map(len, each.runs.values())) for each in told)
    return {
        "errors": sum(len(each.errors) for each in told),
        **_compared(opening, directory, told),
        "runs/s": sum(len(each.runs) for each in told) / size,
        "events/s": events / size,
        **{f"error: {error}": count for error, count in Counter(e for each in told for e in each.errors).items()},
    }


def _write(opening: Opening, directory: Path, number: int, seconds: int, opened: Barrier, sending: Connection) -> None:
    told = _Told({}, [], [])
    engine = opening(directory)
    ids = iter(run_ids(_MANY, SEED + number))
    engine.tags_of("")  # which opens the databases
    opened.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run_id = next(ids)
        try:
            engine.add_run(engine.new_run(run_id, TAGS))
            stored = told.runs.setdefault(run_id, [])
            for event in range(_OWN_EVENTS):
                engine.store(run_id, [f"number {event}"])
                stored.append(f"number {event}")
            for _ in range(_SHARED_EVENTS):
                message = f"{number}: {len(told.shared)}"
                engine.store(_SHARED_LOG, [message])
                told.shared.append(message)
        except Exception as error:  # noqa: BLE001  counted
            told.errors.append(f"{type(error).__name__}: {error}".splitlines()[0][:160])
    engine.close()
    sending.send(tuple(told))


def _compared(opening: Opening, directory: Path, told: list[_Told]) -> dict[str, float]:
    engine = opening(directory)
    lost_runs = lost = disordered = 0
    for each in told:
        for run_id, messages in each.runs.items():
            lost_runs += engine.tags_of(run_id) is None
            found = [message for page in pages(engine, run_id) for message in page]
            lost += len(set(messages) - set(found))
            disordered += _disorder(found)
    shared: dict[str, list[str]] = {}
    for message in (message for page in pages(engine, _SHARED_LOG) for message in page):
        shared.setdefault(message.partition(":")[0], []).append(message)
    for number, each in enumerate(told):
        found = shared.get(str(number), [])
        lost += len(set(each.shared) - set(found))
        disordered += _disorder(found)
    engine.close()
    return {"runs lost": lost_runs, "events lost": lost, "out of order": disordered}


def _disorder(messages: list[str]) -> int:
    numbers = [int(message.split()[-1]) for message in messages]
    return sum(later <= earlier for earlier, later in pairwise(numbers))
