"""The cost of a trivial step in process, on SQLite, and the lag of the stored events."""

from __future__ import annotations

from rich.table import Table

from benchmarks.children import medians

REPEATS = 5

_PIPELINE = """
import sqlite3, sys, tempfile, threading, time
from pathlib import Path
from core import DagsterInstance, execute_pipeline, pipeline, solid

count = int(sys.argv[1])

@solid
def add_one(_, number: int = 0) -> int:
    return number + 1

@pipeline
def chain():
    number = add_one()
    for _ in range(count - 1):
        number = add_one(number)

folder = tempfile.TemporaryDirectory()
instance = DagsterInstance.local_temp(folder.name)
"""

_STEP_MS = """
start = time.perf_counter()
result = execute_pipeline(chain, instance=instance)
elapsed = time.perf_counter() - start
assert result.success and result.output_for_solid(f"add_one_{count}") == count
stored = len(instance.all_logs(result.run_id))
assert stored == len(result.event_list), (stored, len(result.event_list))
instance.dispose()
print(elapsed / count * 1000)
"""

# Another process polls the run's database: how old is the first event that it does not see yet?
_LAG_MS = """
import multiprocessing

def watch(folder, ready, done, worst):
    ready.set()
    seen, files = [], []
    while not done.is_set():
        files = files or list(Path(folder).glob("history/runs/*.db"))
        if files:
            try:
                with sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True) as database:
                    at = time.time()
                    seen.append((at, database.execute("select count(*) from events").fetchone()[0]))
            except sqlite3.OperationalError:
                pass
    with sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True) as database:
        times = [row[0] for row in database.execute("select timestamp from events order by id")]
    worst.value = max((at - times[count] for at, count in seen if count < len(times)), default=0.0)

context = multiprocessing.get_context("fork")
ready, done, worst = context.Event(), context.Event(), context.Value("d", 0.0)
watcher = context.Process(target=watch, args=(folder.name, ready, done, worst))
watcher.start()
ready.wait()
execute_pipeline(chain, instance=instance)
done.set()
watcher.join()
print(worst.value * 1000)
"""

# The least that any engine does for such a step: call it, and store one row for each of our seven events.
_FLOOR_MS = """
import json
database = sqlite3.connect(Path(folder.name, "floor.db"))
database.execute("pragma journal_mode=wal")
database.execute("create table events (id integer primary key, run_id text, body text)")
body = json.dumps({"message": "x" * 400})
start = time.perf_counter()
number = 0
for _ in range(count):
    number += 1
    database.executemany("insert into events (run_id, body) values (?, ?)", [("run", body)] * 7)
database.commit()
print((time.perf_counter() - start) / count * 1000)
"""


def table() -> Table:
    """Milliseconds a step at two sizes of run, the lag of the stored events, and a floor to compare with."""
    programs = {
        "a step, in a run of 100": (_PIPELINE + _STEP_MS, "100"),
        "a step, in a run of 2,000": (_PIPELINE + _STEP_MS, "2000"),
        "the oldest event not stored yet, in a run of 2,000": (_PIPELINE + _LAG_MS, "2000"),
        "for comparison: seven bare rows a step, one commit": (_PIPELINE + _FLOOR_MS, "2000"),
    }
    goals = dict(zip(programs, ("1.6", "1.6", "100", ""), strict=True))
    result = Table(title=f"Steps in process, on SQLite, median of {REPEATS}", title_justify="left")
    result.add_column("what")
    result.add_column("ms", justify="right")
    result.add_column("at most", justify="right")
    for name, value in medians(programs, REPEATS).items():
        result.add_row(name, f"{value:.2f}", goals[name])
    return result
