"""Launchers and run coordinators of the user's own, as an instance uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config import StringSource
from core.errors import DagsterInvariantViolationError, DagsterRunNotFoundError
from core.instance import DagsterInstance, InstanceType
from core.launcher import RunLauncher
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
)
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.run_coordinator import RunCoordinator
from core.scheduler import Scheduler
from core.serdes import ConfigurableClass, ConfigurableClassData, to_json

LOCATION = InProcessRepositoryLocationOrigin(LoadableTargetOrigin(python_file="flights.py"))
EXECUTE = """
import sys
from core.events import DagsterEvent, EventLogEntry
from core.instance import DagsterInstance
from core.records.origin import ExternalPipelineOrigin
from core.serdes import from_json

home, run_id, origin = sys.argv[1:]
origin = from_json(ExternalPipelineOrigin, origin)
with DagsterInstance.from_config(home) as instance:
    assert instance.get_existing_run(run_id).external_pipeline_origin == origin
    for event_type in ("PIPELINE_START", "PIPELINE_SUCCESS"):
        event = DagsterEvent(event_type, origin.pipeline_name, "m")
        instance.handle_new_event(EventLogEntry(None, "m", 10, "m", run_id, 1.0, None, origin.pipeline_name, event))
"""


class Flights:
    """What is known of a pipeline where it is launched."""

    name = "flights"

    def get_external_origin(self) -> ExternalPipelineOrigin:
        return ExternalPipelineOrigin(ExternalRepositoryOrigin(LOCATION, "prices"), self.name)


class Configured(ConfigurableClass):
    """A part that knows the directory of its instance."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.home = home
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"home": StringSource}


class ProcessLauncher(RunLauncher, Configured):
    """Starts a process for each run."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(home, inst_data)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.is_disposed = False

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> ProcessLauncher:
        return ProcessLauncher(inst_data=inst_data, **config_value)

    def launch_run(self, run: PipelineRun, external_pipeline: Any) -> PipelineRun:
        origin = to_json(external_pipeline.get_external_origin())
        command = [sys.executable, "-c", EXECUTE, self.home, run.run_id, origin]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        self.processes[run.run_id] = subprocess.Popen(command, env=environment)
        return run.with_status(PipelineRunStatus.STARTING)

    def can_terminate(self, run_id: str) -> bool:
        return run_id in self.processes and self.processes[run_id].poll() is None

    def terminate(self, run_id: str) -> bool:
        if not self.can_terminate(run_id):
            return False
        self.processes[run_id].terminate()
        return True

    def join(self, timeout: float = 30) -> None:
        for process in self.processes.values():
            assert process.wait(timeout) == 0

    def dispose(self) -> None:
        self.is_disposed = True


class Hold(RunCoordinator, Configured):
    """Keeps submitted runs until they are cancelled."""

    def __init__(self, home: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(home, inst_data)
        self.held: list[str] = []

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> Hold:
        return Hold(inst_data=inst_data, **config_value)

    def submit_run(self, pipeline_run: PipelineRun, external_pipeline: Any) -> PipelineRun:
        self.held.append(f"{external_pipeline.name}/{pipeline_run.run_id}")
        return pipeline_run.with_status(PipelineRunStatus.QUEUED)

    def can_cancel_run(self, run_id: str) -> bool:
        return f"flights/{run_id}" in self.held

    def cancel_run(self, run_id: str) -> bool:
        self.held.remove(f"flights/{run_id}")
        return True


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """One whose `dagster.yaml` names the classes of this file."""
    monkeypatch.setitem(sys.modules, "own_parts", sys.modules[__name__])
    sections = (("run_launcher", "ProcessLauncher"), ("run_coordinator", "Hold"))
    parts = [f"{section}: {{module: own_parts, class: {name}, config: {{home: HOME}}}}" for section, name in sections]
    (tmp_path / "dagster.yaml").write_text("\n".join(parts).replace("HOME", str(tmp_path)))
    with DagsterInstance.from_config(str(tmp_path)) as made:
        # The process that executes the run needs neither.
        (tmp_path / "dagster.yaml").unlink()
        made.create_run("flights", "run-1", external_pipeline_origin=Flights().get_external_origin())
        yield made


def test_a_run_is_launched_in_a_process_that_finds_it_with_its_origin(instance: DagsterInstance) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, ProcessLauncher)
    assert instance.launch_run("run-1", Flights()).status is PipelineRunStatus.STARTING
    launcher.join()
    assert instance.get_existing_run("run-1").is_success
    assert not launcher.can_terminate("run-1")
    assert not launcher.terminate("run-1")


def test_a_run_is_submitted_to_the_coordinator(instance: DagsterInstance) -> None:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, Hold)
    assert instance.submit_run("run-1", Flights()).status is PipelineRunStatus.QUEUED
    assert coordinator.held == ["flights/run-1"]
    assert coordinator.can_cancel_run("run-1")
    assert coordinator.cancel_run("run-1")


def test_a_run_that_is_not_stored_is_neither_launched_nor_submitted(instance: DagsterInstance) -> None:
    for hand_on in (instance.launch_run, instance.submit_run):
        with pytest.raises(DagsterRunNotFoundError):
            hand_on("run-2", Flights())
    assert isinstance(instance.run_launcher, ProcessLauncher)
    assert instance.run_launcher.processes == {}


def test_the_launcher_is_disposed_of_with_the_instance(instance: DagsterInstance) -> None:
    launcher = instance.run_launcher
    instance.dispose()
    assert isinstance(launcher, ProcessLauncher)
    assert launcher.is_disposed


def test_what_a_launcher_need_not_define_does_nothing(tmp_path: Path) -> None:
    class Idle(RunLauncher):
        def launch_run(self, run: PipelineRun, external_pipeline: Any) -> PipelineRun:
            return run

        def can_terminate(self, run_id: str) -> bool:
            return False

        def terminate(self, run_id: str) -> bool:
            return False

    with ephemeral_with(tmp_path, run_launcher=Idle()) as instance:
        assert instance.run_launcher is not None
        instance.run_launcher.join(timeout=0)


@pytest.mark.parametrize(
    ("name", "kind"), [("run_launcher", RunLauncher), ("run_coordinator", RunCoordinator), ("scheduler", Scheduler)]
)
def test_an_instance_takes_no_part_of_another_kind(name: str, kind: type, tmp_path: Path) -> None:
    with pytest.raises(
        DagsterInvariantViolationError,
        match=f"The {name} of an instance is of type PosixPath; give one of type {kind.__name__}",
    ):
        ephemeral_with(tmp_path, **{name: tmp_path})


def ephemeral_with(tmp_path: Path, **parts: Any) -> DagsterInstance:
    plain = DagsterInstance.ephemeral(str(tmp_path))
    return DagsterInstance(
        InstanceType.EPHEMERAL,
        plain.local_artifact_storage,
        plain.run_storage,
        plain.event_log_storage,
        plain.compute_log_manager,
        **parts,
    )
