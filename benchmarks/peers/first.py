"""A memoized run of the API's first implementation, Dagster 0.11.16. Runs in `.venv-first` alone, as a script.

    python benchmarks/peers/first.py FOLDER STEPS WHAT

WHAT is "fill", which stores the values, or "run", which finds all of them. It prints the seconds on its last line.
"""

import json
import sys
import time
from pathlib import Path

from dagster import DagsterInstance, InputDefinition, ModeDefinition, execute_pipeline, io_manager, pipeline, solid
from dagster.core.errors import DagsterNoStepsToExecuteException
from dagster.core.storage.memoizable_io_manager import (
    VersionedPickledObjectFilesystemIOManager,
    versioned_filesystem_io_manager,
)

folder, count, what = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


class Filling(VersionedPickledObjectFilesystemIOManager):
    """Stores a value wherever it is asked for one: to execute 200 steps takes it a minute."""

    def has_output(self, context):
        self.handle_output(context, 1)
        return super().has_output(context)


@io_manager
def filling(_):
    return Filling(str(folder / "values"))


stored = versioned_filesystem_io_manager.configured({"base_dir": str(folder / "values")})


@solid(version="1", input_defs=[InputDefinition("number", int, default_value=0)])
def add_one(_, number):
    return number + 1


@pipeline(
    mode_defs=[ModeDefinition("fill", {"io_manager": filling}), ModeDefinition("run", {"io_manager": stored})],
    tags={"dagster/is_memoized_run": "true"},
)
def chain():
    number = add_one()
    for _ in range(count - 1):
        number = add_one(number)


instance_folder = folder / "instance"
instance_folder.mkdir(parents=True, exist_ok=True)
(instance_folder / "dagster.yaml").write_text(json.dumps({"telemetry": {"enabled": False}}))  # JSON is YAML
instance = DagsterInstance.from_config(str(instance_folder))
began = time.perf_counter()
try:
    execute_pipeline(chain, mode=what, instance=instance)
except DagsterNoStepsToExecuteException:  # what it raises when all is stored, once it has decided that
    print(time.perf_counter() - began)
else:
    raise AssertionError("It executed steps.")
