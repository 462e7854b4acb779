"""Opening an instance, and reading, take up nothing and start nothing; a run and `drain` take up what was left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudstore import S3ComputeLogManager
from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.compute_logs.names import ComputeIOType
from core.instance import InstanceRef
from core.records.pipeline_run import PipelineRun

KILLED = """
import os, signal, sys
from core import DagsterInstance
from core.records.pipeline_run import PipelineRun
manager = DagsterInstance.from_config(sys.argv[1]).compute_log_manager
with manager.watch(PipelineRun("flights", "killed"), "step"):
    os.write(1, b"last words")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All that is in a folder: when it was changed, and what is in it."""
    return {
        str(path): (path.lstat().st_mtime_ns, b"" if path.is_dir() else path.read_bytes())
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture(params=["local", "embedded"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def logs(fenced: Path) -> Path:
    """The folder for logs of the instance in `home`."""
    return fenced / "logs"


@pytest.fixture
def home(kind: str, logs: Path, fenced: Path, request: pytest.FixtureRequest) -> Path:
    """The folder of an instance, with its dagster.yaml."""
    config: dict[str, Any] = {"base_dir": str(logs)}
    names = ("core.storage.local_compute_log_manager", "LocalComputeLogManager")
    if kind != "local":
        place: Any = request.getfixturevalue("bucket")
        config = {"bucket": place.name, "prefix": place.prefix, "local_dir": str(logs), **place.options}
        names = ("cloudstore.compute_log_manager", "S3ComputeLogManager")
    home = fenced / "home"
    home.mkdir()
    section = {"module": names[0], "class": names[1], "config": config}
    home.joinpath("dagster.yaml").write_text(yaml.safe_dump({"compute_logs": section}))
    return home


@pytest.fixture
def killed(home: Path, logs: Path) -> dict[str, tuple[int, bytes]]:
    """What a process left that was killed in a step."""
    command = [sys.executable, "-c", KILLED, str(home)]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGKILL
    assert list(logs.glob(".writers/*.jsonl"))
    return tree(logs)


@solid
def quiet(_: Any) -> None:
    pass


@pipeline
def a_run() -> None:
    quiet()


def test_opening_an_instance_leaves_what_a_dead_process_left_as_it_is(
    home: Path, logs: Path, killed: dict[str, tuple[int, bytes]]
) -> None:
    threads = threading.enumerate()
    with DagsterInstance.from_config(str(home)) as instance:
        assert DagsterInstance.from_ref(instance.get_ref()).get_runs() == []
        assert tree(logs) == killed
        assert threading.enumerate() == threads


def test_reading_changes_nothing(home: Path, logs: Path, killed: dict[str, tuple[int, bytes]]) -> None:
    with DagsterInstance.from_config(str(home)) as instance:
        manager, threads = instance.compute_log_manager, threading.enumerate()
        assert manager.is_watch_completed("killed", "step")
        assert manager.read_logs_file("killed", "step", ComputeIOType.STDOUT).data == "last words"
        assert [piece.data for piece in manager.subscribe("killed", "step", ComputeIOType.STDOUT)] == ["last words"]
        assert tree(logs) == killed
        assert threading.enumerate() == threads


def test_what_is_not_there_is_not_made(home: Path, logs: Path) -> None:
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        assert not instance.compute_log_manager.is_watch_completed("no-run", "step")
        assert not instance.compute_log_manager.read_logs_file("no-run", "step", ComputeIOType.STDERR).data
        instance.recover()
    assert not logs.exists()


@pytest.mark.parametrize("way", ["run", "recover", "drain"])
def test_what_a_dead_process_left_is_taken_up(
    way: str, kind: str, home: Path, logs: Path, killed: object, request: pytest.FixtureRequest
) -> None:
    with DagsterInstance.from_config(str(home)) as instance:
        if way == "run":
            assert execute_pipeline(a_run, instance=instance).success
        elif way == "recover":
            instance.recover()
        else:
            assert instance.compute_log_manager.drain() == []
    assert not (logs / ".writers").exists()
    if kind == "local":
        assert (logs / "killed" / "compute_logs" / "step.out").read_bytes() == b"last words"
    else:
        assert not logs.joinpath("killed").exists()
        body = request.getfixturevalue("bucket").body("storage/killed/compute_logs/step.out")
        assert body == b"last words"


@pytest.mark.parametrize("kind", ["embedded"])
def test_the_default_folder_is_made_when_something_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bucket: Any
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    manager = S3ComputeLogManager(bucket.name, prefix=bucket.prefix, **bucket.options)
    try:
        manager.recover()
        assert list((tmp_path / "tmp").iterdir()) == []
        with manager.watch(PipelineRun("flights", "run-1"), "step"):
            os.write(1, b"printed")
        (folder,) = (tmp_path / "tmp").iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        manager.finish_run(PipelineRun("flights", "run-1"))
    finally:
        manager.dispose()
