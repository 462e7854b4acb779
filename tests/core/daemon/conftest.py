"""An instance whose runs are launched by a daemon, in processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from core import DagsterInstance, PipelineRun
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)

Found = TypeVar("Found")
SECONDS = 60.0


class Place:
    """The instance, in a folder, with the daemons that a test starts.

    Args:
        folder: where it is.
        extra: lines for its `dagster.yaml`.
    """

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.home, self.notes = folder / "home", folder / "notes"
        self.code = folder / "launched.py"
        self.daemons: list[subprocess.Popen[str]] = []
        for each in (self.home, self.notes):
            each.mkdir()
        self.code.write_bytes(Path(__file__).with_name("launched.py").read_bytes())
        launcher = f"run_launcher: {{module: launched, class: ProcessLauncher, config: {{home: {self.home}}}}}\n"
        (self.home / "dagster.yaml").write_text(launcher + extra)
        sys.path.insert(0, str(folder))
        sys.modules.pop("launched", None)
        self.instance = DagsterInstance.from_config(str(self.home))

    @property
    def environment(self) -> dict[str, str]:
        paths = [str(self.code.parent), str(Path(__file__).parents[3])]
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "NOTES": str(self.notes),
            "PYTHONPATH": os.pathsep.join(paths),
        }

    def hold(self) -> None:
        """Has steps wait from now on."""
        (self.notes / "hold").touch()

    def go_on(self) -> None:
        (self.notes / "hold").unlink()

    def submit(self, run_id: str, tags: Mapping[str, str] | None = None) -> PipelineRun:
        target = LoadableTargetOrigin(python_file=str(self.code), attribute="flights")
        repository = ExternalRepositoryOrigin(ManagedGrpcPythonEnvRepositoryLocationOrigin(target), "all")
        origin = ExternalPipelineOrigin(repository, "flights")
        self.instance.create_run("flights", run_id, tags=tags, external_pipeline_origin=origin)
        return self.instance.submit_run(run_id)

    def start_daemon(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cloudstore", "daemon", "run"]
        daemon = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        self.daemons.append(daemon)
        return daemon

    def stop(self, daemon: subprocess.Popen[str]) -> None:
        """Stops a daemon at a moment at which it writes to no database: SQLite has everybody wait for a writer."""

        def is_stopped() -> bool:
            daemon.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, daemon.pid, os.WSTOPPED | os.WNOWAIT)
            try:
                for file in self.home.rglob("*.db"):
                    with closing(sqlite3.connect(file, timeout=0)) as connection:
                        connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                daemon.send_signal(signal.SIGCONT)
                return False
            return True

        self.until(is_stopped, "it always writes")

    def status(self, run_id: str) -> str:
        return self.instance.get_existing_run(run_id).status.value

    def until(self, look: Callable[[], Found], what: str) -> Found:
        """Looks until there is something to see."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, what
            time.sleep(0.02)
        return found

    def until_status(self, run_id: str, status: str) -> None:
        self.until(lambda: self.status(run_id) == status, f"{run_id} is {self.status(run_id)}, not {status}")

    def process_of(self, run_id: str, step_key: str) -> int:
        """The process that has begun a step."""
        file = self.notes / f"{run_id}.{step_key}"
        return int(
            self.until(lambda: file.exists() and file.read_text(), f"{run_id} has not begun {step_key}").split()[0]
        )

    def executed(self, run_id: str) -> list[str]:
        """The steps that a run has executed, each as often as it has."""
        files = sorted(self.notes.glob(f"{run_id}.*"))
        return [file.suffix[1:] for file in files for _ in file.read_text().splitlines()]

    def close(self) -> None:
        with suppress(FileNotFoundError):
            self.go_on()
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGCONT)
                daemon.terminate()
            daemon.communicate()
        self.instance.dispose()
        sys.path.remove(str(self.code.parent))
        sys.modules.pop("launched", None)


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    made: list[Place] = []

    def make(extra: str = "") -> Place:
        made.append(Place(tmp_path, extra))
        return made[-1]

    yield make
    for each in made:
        each.close()
