"""A pipeline that is launched, and the launcher: a process of its own for each run, which outlives the daemon.

What it executes is noted in the folder $NOTES, a file for each step and run. A step waits as long as $NOTES/hold is
there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from core import (
    DagsterInstance,
    ModeDefinition,
    PipelineRun,
    execute_run,
    fs_io_manager,
    pipeline,
    solid,
)
from core.config import StringSource
from core.launcher import RunLauncher
from core.loading.pipelines import load_recorded
from core.serdes import ConfigurableClass, ConfigurableClassData


def note(context: Any, value: object) -> None:
    folder = Path(os.environ["NOTES"])
    with (folder / f"{context.run_id}.{context.step_key}").open("a") as file:
        file.write(f"{os.getpid()} {value}\n")


@solid
def first(context: Any) -> int:
    note(context, 1)
    return 1


@solid
def second(context: Any, value: int) -> int:
    note(context, value)
    while (Path(os.environ["NOTES"]) / "hold").exists():
        time.sleep(0.02)
    return value + 1


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def flights() -> None:
    second(first())


class ProcessLauncher(RunLauncher, ConfigurableClass):
    """Starts this file for each run."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._home, self._inst_data = home, inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> ProcessLauncher:
        return cls(config_value["home"], inst_data)

    def launch_run(self, run: PipelineRun, external_pipeline: Any) -> PipelineRun:
        if "fails_to_launch" in run.tags:
            raise OSError("there is no place for it")
        command = [sys.executable, __file__, self._home, run.run_id]
        subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return run

    def can_terminate(self, run_id: str) -> bool:
        return False

    def terminate(self, run_id: str) -> bool:
        return False


if __name__ == "__main__":
    home, run_id = sys.argv[1:]
    with DagsterInstance.from_config(home) as instance:
        run = instance.get_existing_run(run_id)
        execute_run(load_recorded(run), run, instance)
