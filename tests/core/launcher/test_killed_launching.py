"""SIGKILL at each stage of a launch, to each process that has a part in it: a run is executed once, or not at all."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from core import PipelineRunStatus
from core.code_calls.servers import own_servers
from core.errors import DagsterLaunchFailedError, DagsterRunConflict
from core.process.children import children_of
from core.records.origin import LoadableTargetOrigin, ManagedGrpcPythonEnvRepositoryLocationOrigin
from tests.conftest import StartPython
from tests.core.code_servers.conftest import lives, until
from tests.core.launcher.conftest import Launches

CODE = """
import os
from pathlib import Path
from core import ModeDefinition, fs_io_manager, pipeline, repository, resource, solid

folder = Path({folder!r})

def reach(stage):
    if stage == {stage!r}:
        (folder / "reached").write_text(str(os.getpid()))
        (folder / "gate").read_text()

@resource
def database():
    reach("resource")

@solid(required_resource_keys={{"database"}})
def count(context):
    reach("step")
    with (folder / "executed").open("a") as file:
        file.write(context.run_id + "\\n")

@pipeline(mode_defs=[ModeDefinition(resource_defs={{"database": database, "io_manager": fs_io_manager}})])
def counts():
    count()

def make():
    reach("making")
    return counts

@repository
def numbers():
    return {{"pipelines": {{"counts": make}}}}

reach("loading")
"""
STAGES = ["loading", "making", "resource", "step"]


class Launch:
    """A launch that has reached a stage.

    Args:
        launches: the instance.
        folder: a new one.
        stage: one of STAGES.
    """

    def __init__(self, launches: Launches, folder: Path, stage: str) -> None:
        self.launches, self._folder = launches, folder
        for name in ("reached", "gate"):
            os.mkfifo(folder / name)
        (folder / "code.py").write_text(CODE.format(folder=str(folder), stage=stage))
        self.target = LoadableTargetOrigin(python_file=str(folder / "code.py"))
        location = ManagedGrpcPythonEnvRepositoryLocationOrigin(self.target)
        self.run = launches.add("counts", location=location, repository="numbers")
        self.error: DagsterLaunchFailedError | None = None
        self._launching = threading.Thread(target=self._launch)
        self._launching.start()
        self.reached_by = int((folder / "reached").read_text())
        self.server = own_servers()._servers[self.target].pid
        [self.code] = children_of(self.server)

    def _launch(self) -> None:
        try:
            self.launches.launch(self.run)
        except DagsterLaunchFailedError as error:
            self.error = error

    def kill(self, pid: int) -> None:
        """Kills a process, and waits until it is dead."""
        os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(pid))

    def go_on(self) -> None:
        """Opens the gate for whoever waits there."""
        try:
            gate = os.open(self._folder / "gate", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody does
            return
        os.close(gate)

    def launched(self) -> None:
        """Waits until the launcher has returned."""
        self._launching.join(60)
        assert not self._launching.is_alive()

    @property
    def status(self) -> PipelineRunStatus:
        """PipelineRunStatus: of the run."""
        return self.launches.instance.get_existing_run(self.run.run_id).status

    @property
    def executed(self) -> int:
        """int: how often its solid has been called."""
        path = self._folder / "executed"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("victim", ["server", "code"])
@pytest.mark.parametrize("stage", STAGES)
def test_of_a_server_that_is_killed_the_runs_go_on(launches: Launches, tmp_path: Path, stage: str, victim: str) -> None:
    launch = Launch(launches, tmp_path, stage)
    if stage != "loading":
        launch.launched()
    launch.kill(launch.server if victim == "server" else launch.code)
    until(lambda: not lives(launch.code))
    launch.go_on()
    launch.launched()
    if stage == "loading":  # nothing of the run was there yet, and nothing comes
        assert launch.error is not None
        assert (launch.status, launch.executed) == (PipelineRunStatus.FAILURE, 0)
        assert not launches.launcher.can_terminate(launch.run.run_id)
    else:
        assert launch.error is None
        assert launches.ended(launch.run).status is PipelineRunStatus.SUCCESS
        assert launch.executed == 1
        until(lambda: not lives(launch.reached_by))


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_run_that_is_killed_is_executed_by_nobody(launches: Launches, tmp_path: Path, stage: str) -> None:
    launch = Launch(launches, tmp_path, stage)
    launch.launched()
    launch.kill(launch.reached_by)
    launch.go_on()
    until(lambda: not launches.launcher.can_terminate(launch.run.run_id))
    begun = PipelineRunStatus.STARTED if stage == "step" else PipelineRunStatus.STARTING
    assert (launch.status, launch.executed) == (begun, 0)
    with pytest.raises(DagsterRunConflict):  # until its claim has expired, nobody knows that it is dead
        launches.launch(launch.run)
    assert launch.executed == 0


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_run_that_is_cancelled_at_any_stage_is_cancelled(launches: Launches, tmp_path: Path, stage: str) -> None:
    launch = Launch(launches, tmp_path, stage)
    launch.launched()
    assert launches.launcher.terminate(launch.run.run_id)
    assert launches.ended(launch.run).status is PipelineRunStatus.CANCELED
    until(lambda: not lives(launch.reached_by))
    assert launch.executed == 0


OWNER = """
import sys
from core import DagsterInstance
from core.records.snapshots import LocatedPipeline
instance = DagsterInstance.from_config(sys.argv[1])
run = instance.get_existing_run(sys.argv[2])
instance.launch_run(run.run_id, LocatedPipeline(run.external_pipeline_origin))
print("launched", flush=True)
sys.stdin.read()
"""


def test_a_run_outlives_the_process_that_has_launched_it(launches: Launches, start_python: StartPython) -> None:
    run, gate = launches.add_waiting()
    owner = start_python(OWNER, launches.instance.root_directory, run.run_id)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "launched\n"
    pid = int(gate.read_text())
    servers = children_of(owner.pid)
    owner.kill()
    until(lambda: not any(map(lives, servers)))
    assert lives(pid)
    gate.write_text("")
    until(lambda: launches.instance.get_existing_run(run.run_id).is_finished)
    assert launches.instance.get_existing_run(run.run_id).status is PipelineRunStatus.SUCCESS
    until(lambda: not lives(pid))
