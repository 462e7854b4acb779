"""The programs that are measured, each in a process of its own; each prints figures as JSON on its last line."""

from __future__ import annotations

_PIPELINE = """
import json, os, signal, sys, tempfile, threading, time
from pathlib import Path
from core import DagsterInstance, ModeDefinition, execute_pipeline, fs_io_manager, pipeline, solid
from core.loading.pipelines import load_pipeline

mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})
two = {"execution": {"multiprocess": {"config": {"max_concurrent": 2}}}}
quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
folder = tempfile.TemporaryDirectory()

def executed(name, **arguments):
    made = load_pipeline(Path(sys.argv[1]), name)
    result = execute_pipeline(made, {**two, **quiet}, instance=instance, raise_on_error=False, **arguments)
    return result, [entry for entry in instance.all_logs(result.run_id) if entry.dagster_event is not None]

def first(entries, kind):
    return next(each.timestamp for each in entries if each.dagster_event.event_type_value == kind)
"""

# It is loaded as a file: the processes of steps load it again. The pipelines are as large as the environment says.
STEPS = """
import os, signal, time
from pathlib import Path
from core import ModeDefinition, fs_io_manager, pipeline, solid

mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})
count = int(os.environ.get("STEPS", "1"))

@solid
def one(_):
    return 1

@solid
def dies(_):
    Path(os.environ["DIED"]).write_text(repr(time.time()))
    os.kill(os.getpid(), signal.SIGKILL)

@pipeline(mode_defs=[mode])
def wide():
    for number in range(count):
        one.alias(f"one_{number}")()

@pipeline(mode_defs=[mode])
def deadly():
    for number in range(count):
        (dies if number % 10 == 9 else one).alias(f"step_{number}")()
"""

# argv: the file of STEPS. Milliseconds a step, and seconds from the start of the run to that of the first step.
WIDE = (
    _PIPELINE
    + """
with DagsterInstance.local_temp(folder.name) as instance:
    result, entries = executed("wide")
    assert result.success
    begun = first(entries, "STEP_START")
    ended = max(each.timestamp for each in entries if each.dagster_event.event_type_value == "STEP_SUCCESS")
    until = begun - first(entries, "PIPELINE_START")
    print(json.dumps({"ms": (ended - begun) / int(os.environ["STEPS"]) * 1000, "first_seconds": until}))
"""
)

# argv: the file of STEPS. Milliseconds from the death of a step's process to the event that tells of it: the median.
DEATH = (
    _PIPELINE
    + """
import statistics

with DagsterInstance.local_temp(folder.name) as instance:
    seen = []
    for _ in range(5):
        _, entries = executed("deadly", solid_selection=["step_9"])
        event = next(each for each in entries if "unexpectedly exited" in each.user_message)
        seen.append((event.timestamp - float(Path(os.environ["DIED"]).read_text())) * 1000)
    print(json.dumps(statistics.median(seen)))
"""
)

# argv: the file of STEPS. What is there after a run and was not there before; orphans are children of this process.
LEFT = (
    _PIPELINE
    + """
import ctypes

ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
own = os.getpid()

def children():
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found += stat.read_text().rpartition(")")[2].split()[1] == str(own)
        except OSError:
            pass
    return found

def there():
    return {
        "processes": children(),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "temporary files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "notes": sum(len(list(Path(folder.name, each).glob("*"))) for each in ("running", "unstored")),
    }

with DagsterInstance.local_temp(folder.name) as instance:
    executed("wide", solid_selection=["one_0"])  # what is made once stays
before = there()
with DagsterInstance.local_temp(folder.name) as instance:
    _, entries = executed("deadly")
    failed = sum(each.dagster_event.event_type_value == "STEP_FAILURE" for each in entries)
    assert failed == int(os.environ["STEPS"]) // 10, failed
print(json.dumps({name: count - before[name] for name, count in there().items() if count != before[name]}))
"""
)

# argv: the arguments of `cloudstore run`. Seconds of the whole command, on an instance and with values of its own.
FLIGHTS = """
import json, os, subprocess, sys, tempfile, time
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    os.environ["DAGSTER_HOME"] = folder
    places = [f"resources.{key}.config.base_dir={folder}/{key}" for key in ("file_manager", "io_manager")]
    settings = [*places, "loggers.console.config.log_level=WARNING"]
    command = [str(Path(sys.executable).with_name("cloudstore")), "run", "-f", "examples/flights/pipeline.py"]
    command += ["--mode", "local", *(word for each in settings for word in ("--set", each)), *sys.argv[1:]]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(json.dumps(time.perf_counter() - began))
"""
