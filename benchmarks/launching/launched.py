"""Launches runs, one after the other, by a warm code server, and prints when they were started and had ended."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from core import DagsterInstance
from core.launcher import DefaultRunLauncher
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.pipeline_run import NOT_BEGUN_STATUSES
from core.records.snapshots import LocatedPipeline

_CODE = LoadableTargetOrigin(python_file=str(Path(__file__).with_name("code.py")))
_ORIGIN = ExternalPipelineOrigin(
    ExternalRepositoryOrigin(ManagedGrpcPythonEnvRepositoryLocationOrigin(_CODE), "numbers"), "count"
)


def measure(count: int) -> dict[str, list[float]]:
    """Milliseconds from the call that launches each run to when its status says so; and how long the call took."""
    waited: dict[str, list[float]] = {"called": [], "started": [], "ended": []}
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        assert isinstance(instance.run_launcher, DefaultRunLauncher)
        for number in range(count + 1):
            run = instance.create_run("count", external_pipeline_origin=_ORIGIN)
            begun = time.perf_counter()
            instance.launch_run(run.run_id, LocatedPipeline(_ORIGIN))
            called = time.perf_counter()
            while instance.get_existing_run(run.run_id).status in NOT_BEGUN_STATUSES:
                time.sleep(0.001)
            started = time.perf_counter()
            while not instance.get_existing_run(run.run_id).is_finished:
                time.sleep(0.001)
            if number:  # the first one starts the server
                for name, moment in (("called", called), ("started", started), ("ended", time.perf_counter())):
                    waited[name].append((moment - begun) * 1000)
        instance.run_launcher.join()
    return waited


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
