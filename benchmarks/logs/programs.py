"""The programs that are measured, each in a process of its own; each prints one number on its last line."""

from __future__ import annotations

# argv: "none", "local" or "s3"; the config of the S3 manager as JSON; how many steps; what each prints.
RUN = """
import json, sys, tempfile, time
from core import DagsterInstance, execute_pipeline, pipeline, solid

kind, config, count, text = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

@solid
def add_one(_, number: int = 0) -> int:
    if text:
        print(text)
    return number + 1

@pipeline
def chain():
    number = add_one()
    for _ in range(count - 1):
        number = add_one(number)

folder = tempfile.TemporaryDirectory()
managers = {
    "none": {"module": "core.storage.compute_log_manager", "class": "NoOpComputeLogManager"},
    "local": None,
    "s3": {
        "module": "cloudstore",
        "class": "S3ComputeLogManager",
        "config": {**config, "local_dir": folder.name + "/s"},
    },
}
chosen = managers[kind]
instance = DagsterInstance.local_temp(folder.name, overrides={"compute_logs": chosen} if chosen else None)
instance.get_runs()  # opens the databases
quiet = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
began = time.perf_counter()
assert execute_pipeline(chain, quiet, instance=instance).success
ended = time.perf_counter()
instance.dispose()
shipped = time.perf_counter()
"""
MS_A_STEP = RUN + "print((ended - began) / count * 1000)"
SECONDS_TO_SHIP = RUN + "print(shipped - ended)"

# argv: "none" or "local".
PRINTING = """
import os, sys, tempfile, time
from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.compute_logs.manager import NoOpComputeLogManager

seconds = []
line = b"x" * 99 + b"\\n"

@solid
def talk(_) -> None:
    began = time.perf_counter()
    for _ in range(1_000_000):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    seconds.append(time.perf_counter() - began)

@pipeline
def talking():
    talk()

folder = tempfile.TemporaryDirectory()
chosen = {"module": "core.storage.compute_log_manager", "class": "NoOpComputeLogManager"}
overrides = {"compute_logs": chosen} if sys.argv[1] == "none" else None
shown = os.dup(1)
with open(folder.name + "/shown", "wb") as file:
    os.dup2(file.fileno(), 1)
    assert execute_pipeline(talking, instance=DagsterInstance.local_temp(folder.name, overrides=overrides)).success
os.dup2(shown, 1)
print(seconds[0] * 1000)
"""

# argv: as RUN, run by the peer's interpreter.
PEER_RUN = """
import json, sys, tempfile, time
from pathlib import Path
from dagster import DagsterInstance, job, op

kind, config, count, text = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

@op
def start() -> int:
    return 0

@op
def add_one(number):
    if text:
        print(text)
    return number + 1

@job
def chain():
    number = start()
    for _ in range(count):
        number = add_one(number)

folder = tempfile.TemporaryDirectory()
settings = {"telemetry": {"enabled": False}}
if kind == "s3":
    chosen = {name: config[name] for name in ("bucket", "endpoint_url")}
    module = "dagster_aws.s3.compute_log_manager"
    settings["compute_logs"] = {
        "module": module, "class": "S3ComputeLogManager", "config": {**chosen, "local_dir": folder.name + "/s"}
    }
Path(folder.name, "dagster.yaml").write_text(json.dumps(settings))
instance = DagsterInstance.from_config(folder.name)
began = time.perf_counter()
assert chain.execute_in_process(instance=instance).success
print((time.perf_counter() - began) / count * 1000)
"""
