"""Runs of `launched.py` on an instance in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import DagsterInstance, PipelineRun
from core.launcher import DefaultRunLauncher
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
    RepositoryLocationOrigin,
)
from core.records.snapshots import LocatedPipeline

CODE = LoadableTargetOrigin(python_file=str(Path(__file__).with_name("launched.py")))
LOCATION = ManagedGrpcPythonEnvRepositoryLocationOrigin(CODE, "launched")


class Launches:
    """Runs that are launched.

    Args:
        instance: which keeps them.

    Attributes: as given; and `launcher`, that of the instance.
    """

    def __init__(self, instance: DagsterInstance, folder: Path) -> None:
        self.instance, self._folder = instance, folder
        assert isinstance(instance.run_launcher, DefaultRunLauncher)
        self.launcher = instance.run_launcher

    def add(
        self,
        pipeline: str,
        config: dict[str, Any] | None = None,
        location: RepositoryLocationOrigin = LOCATION,
        repository: str = "launched",
    ) -> PipelineRun:
        """A stored run."""
        origin = ExternalPipelineOrigin(ExternalRepositoryOrigin(location, repository), pipeline)
        return self.instance.create_run(pipeline, run_config=config, external_pipeline_origin=origin)

    def launch(self, run: PipelineRun) -> PipelineRun:
        """Launches a run."""
        assert run.external_pipeline_origin is not None
        return self.instance.launch_run(run.run_id, LocatedPipeline(run.external_pipeline_origin))

    def add_waiting(self, name: str = "gate", **config: Any) -> tuple[PipelineRun, Path]:
        """A run that waits, and its gate."""
        gate = self._folder / name
        os.mkfifo(gate)
        return self.add("waits", {"solids": {"wait": {"config": {"gate": str(gate)}}}, **config}), gate

    def ended(self, run: PipelineRun) -> PipelineRun:
        """The run, when it has ended."""
        self.launcher.join(30)
        return self.instance.get_existing_run(run.run_id)

    def messages(self, run: PipelineRun) -> list[str]:
        """What its log says."""
        return [entry.user_message for entry in self.instance.all_logs(run.run_id)]


@pytest.fixture
def launches(tmp_path: Path) -> Iterator[Launches]:
    """Runs on a new instance."""
    with DagsterInstance.local_temp(str(tmp_path / "instance")) as instance:
        yield Launches(instance, tmp_path)
