"""Steps on a cluster of Dask, next to what the cluster takes for the same work that is submitted to it directly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.children import figures
from benchmarks.storages.server import postgres_server

_REPEATS = 5
_STEPS = 100
_CLUSTER = "from core.executors.dask.local_cluster import main; main()"

CODE = """
import os
from core import ModeDefinition, fs_io_manager, pipeline, solid
from core.executors.dask import dask_executor

mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager}, executor_defs=[dask_executor])
count = int(os.environ["STEPS"])

@solid
def one(_):
    return 1

@solid
def plus_one(_, number):
    return number + 1

@pipeline(mode_defs=[mode])
def wide():
    for number in range(count):
        one.alias(f"one_{number}")()

@pipeline(mode_defs=[mode])
def chain():
    number = one()
    for place in range(count):
        number = plus_one.alias(f"plus_{place}")(number)
"""

# argv: the file of CODE, the address of a scheduler, the URL of a database. Milliseconds a step, and a task.
MEASURE = """
import json, os, sys, tempfile, time
from pathlib import Path
from distributed import Client
from core import DagsterInstance, execute_pipeline
from core.loading.pipelines import load_pipeline

file, address, url = sys.argv[1:]
count = int(os.environ["STEPS"])
postgres = {"module": "core.storage.postgres", "config": {"postgres_url": url}}
sections = {f"{what}_storage": {**postgres, "class": f"Postgres{name}Storage"}
            for what, name in (("run", "Run"), ("event_log", "EventLog"), ("schedule", "Schedule"))}
config = {"execution": {"dask": {"config": {"cluster": {"existing": {"address": address}}}}},
          "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

def plus_one(number):
    return number + 1

def tasks():
    found = {}
    with Client(address, set_as_default=False) as client:
        client.submit(plus_one, 0, pure=False).result()
        began = time.perf_counter()
        client.gather([client.submit(plus_one, number, pure=False) for number in range(count)])
        found["wide"] = (time.perf_counter() - began) / count * 1000
        began, number = time.perf_counter(), 0
        for _ in range(count):
            number = client.submit(plus_one, number, pure=False).result()
        found["chain"] = (time.perf_counter() - began) / count * 1000
    return found

def steps(name):
    result = execute_pipeline(load_pipeline(Path(file), name), config, instance=instance)
    entries = [entry for entry in instance.all_logs(result.run_id) if entry.step_key]
    times = {kind: [each.timestamp for each in entries if each.dagster_event.event_type_value == kind]
             for kind in ("STEP_START", "STEP_SUCCESS")}
    return (max(times["STEP_SUCCESS"]) - min(times["STEP_START"])) / count * 1000

with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder, sections) as instance:
    print(json.dumps({"tasks": tasks(), "steps": {name: steps(name) for name in ("wide", "chain")}}))
"""


def rows(folder: Path) -> list[tuple[str, ...]]:
    """The rows of the table that are about a cluster of two workers, on this machine.

    Args:
        folder: for the files of the measurement.
    """
    turns = _turns(folder)
    found: list[tuple[str, ...]] = []
    for name, how, goal in (("chain", "one after another", "≤ 3"), ("wide", f"{_STEPS} at once", "")):
        step, task = _median(turns, "steps", name), _median(turns, "tasks", name)
        found += [
            (f"on Dask, {how}: a trivial step, ms", f"{step:.1f}", "", "", ""),
            (f"… against a function that is submitted there, {task:.1f} ms", f"{step / task:.1f}", goal, "", ""),
        ]
    return found


def _median(turns: list[dict[str, dict[str, float]]], what: str, name: str) -> float:
    return median(turn[what][name] for turn in turns)


def _turns(folder: Path) -> list[dict[str, Any]]:
    file = folder / "on_dask.py"
    file.write_text(CODE)
    os.environ["STEPS"] = str(_STEPS)
    with postgres_server(folder) as new_database, _cluster() as address:
        command = [sys.executable, "-c", MEASURE, str(file), address]
        return [figures([*command, new_database()]) for _ in range(_REPEATS)]


@contextmanager
def _cluster() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin:
        process.stdin.write(json.dumps({"n_workers": 2, "threads_per_worker": 1}) + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())["address"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="cs-") as place:
        for row in rows(Path(place)):
            print(row)
