"""Deleting a run: all of it goes, nothing else does, and what is told is what went."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudstore.testing import EmbeddedS3Server
from core import (
    AssetMaterialization,
    DagsterInstance,
    DagsterInvariantViolationError,
    DagsterRunNotFoundError,
    ModeDefinition,
    Output,
    PipelineDefinition,
    execute_pipeline,
    fs_io_manager,
    local_file_manager,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.errors import DagsterObjectStoreError, DagsterStorageError
from core.records.pipeline_run import PipelineRunStatus
from core.records.removal import Removal


@solid(required_resource_keys={"files"})
def extract(context: Any) -> Any:
    print("extracting in", context.run_id)
    context.log.info("a message")
    context.resources.files.write_data(b"belongs to no run")
    folder = Path(context.instance.storage_directory()) / context.run_id
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("the user's own")
    (folder / "link").symlink_to(folder.parent)
    (folder / "links").mkdir()
    (folder / "links" / "link").symlink_to(folder.parent)
    yield AssetMaterialization("prices", metadata={"rows": 3})
    yield Output(list(range(1000)))


@solid
def count(rows: list[int]) -> int:
    os.write(2, b"counting\n")
    return len(rows)


ON_DISK = ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager, "files": local_file_manager})


@pipeline(mode_defs=[ON_DISK], tags={"team": "data"})
def prices() -> None:
    count(extract())


def run(instance: DagsterInstance, definition: PipelineDefinition = prices) -> str:
    return execute_pipeline(definition, instance=instance).run_id


State = dict[str, Any]


class Place:
    """The directory of an instance, and perhaps a bucket: all that is kept there can be compared."""

    def __init__(self, home: Path, server: EmbeddedS3Server | None, bucket: str) -> None:
        self.home, self.server, self.bucket = home, server, bucket

    def instance(self, **options: Any) -> DagsterInstance:
        return DagsterInstance.local_temp(str(self.home), self._overrides(options))

    def _overrides(self, options: dict[str, Any]) -> dict[str, Any]:
        if self.server is None:
            return {}
        config = {
            "bucket": self.bucket,
            "prefix": "team/logs",
            "local_dir": str(self.home / "staged"),
            "endpoint_url": self.server.endpoint_url,
            "aws_access_key_id": self.server.access_key,
            "aws_secret_access_key": self.server.secret_key,
            "region_name": self.server.region,
            "addressing_style": "path",
            **options,
        }
        logs = {"module": "cloudstore.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
        return {"compute_logs": logs}

    def state(self) -> State:
        """The content of every file and object, of databases their rows. Nobody may have them open."""
        found: State = {}
        for path in self.home.rglob("*"):
            if path.is_symlink():
                found[str(path)] = str(path.readlink())
            elif path.name in ("runs.db", "index.db"):
                with closing(sqlite3.connect(path)) as connection:
                    rows = (row for row in connection.iterdump() if "sqlite_sequence" not in row)  # numbers to come
                    found[str(path)] = sorted(rows)
            elif path.is_file():
                found[str(path)] = path.read_bytes()
            elif path != self.home / "staged":
                found[str(path)] = None
        if self.server is not None:
            client = self.server.client()
            for each in client.list_objects_v2(Bucket=self.bucket).get("Contents", []):
                content = client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
                found[f"s3://{self.bucket}/{each['Key']}"] = content
        return {name: content for name, content in found.items() if "/files/" not in name}


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "disk":
        return Place(tmp_path / "home", None, "")
    return Place(tmp_path / "home", request.getfixturevalue("s3_server"), request.getfixturevalue("bucket"))


def sizes_told(before: State, after: State, run_id: str, home: Path) -> dict[tuple[str, str], int | None]:
    """What a deletion that led from one state to the other should tell: (kind, name) to size."""
    told: dict[tuple[str, str], int | None] = {("run", run_id): None}
    for name, content in before.items():
        if name in after or content is None:
            continue
        if "compute_logs" in name:
            key = ("compute log", name)
        elif name.startswith(str(home / "history")):
            key = ("events", name)
        else:
            folder = home / "storage" / run_id
            key = ("artifacts", str(folder / Path(name).relative_to(folder).parts[0]))
        told[key] = (told.get(key) or 0) + len(content)
    return told


def as_told(removals: list[Removal]) -> dict[tuple[str, str], int | None]:
    assert len({(each.kind, each.name) for each in removals}) == len(removals)
    return {(each.kind, each.name): each.size_bytes for each in removals}


def test_all_of_a_run_is_deleted_and_nothing_else(place: Place) -> None:
    with place.instance() as instance:
        others = [run(instance), run(instance)]
    untouched = place.state()
    with place.instance() as instance:
        run_id = run(instance)
        instance.add_run_tags(run_id, {"more": run_id})
    before = place.state()
    assert len(before) > len(untouched)

    with place.instance() as instance:
        would_go = instance.delete_run(run_id, dry_run=True)
    assert place.state() == before
    with place.instance() as instance:
        assert instance.delete_run(run_id) == would_go
        assert not instance.has_run(run_id)
        assert instance.all_logs(run_id) == []
        assert [each.run_id for each in instance.get_runs()] == others[::-1]
    assert place.state() == untouched
    assert as_told(would_go) == sizes_told(before, untouched, run_id, place.home)
    assert {each.kind for each in would_go} == {"run", "events", "artifacts", "compute log"}
    assert any(each.name.startswith("s3://") for each in would_go) == (place.server is not None)

    with place.instance() as instance, pytest.raises(DagsterRunNotFoundError, match=run_id):
        instance.delete_run(run_id)


def test_it_is_deleted_by_the_instance_that_executed_it(place: Place) -> None:
    with place.instance() as instance:
        run(instance)
    untouched = place.state()
    with place.instance() as instance:
        run_id = run(instance)
        instance.delete_run(run_id)
    assert place.state() == untouched
    with place.instance() as instance:
        run(instance)


@pytest.mark.parametrize("status", list(PipelineRunStatus), ids=lambda status: str(status.value))
def test_a_run_in_progress_is_refused(status: PipelineRunStatus, tmp_path: Path) -> None:
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        instance.create_run("prices", "the-run", status=status, tags={"a": "b"})
    before = place.state()
    with place.instance() as instance:
        if status.value in ("NOT_STARTED", "SUCCESS", "FAILURE", "CANCELED"):
            assert instance.delete_run("the-run", dry_run=True) == [Removal("run", "the-run")]
            assert instance.delete_run("the-run") == [Removal("run", "the-run")]
            assert instance.get_runs() == []
            return
        for dry_run in (True, False):
            with pytest.raises(DagsterInvariantViolationError) as caught:
                instance.delete_run("the-run", dry_run)
        assert f"Run 'the-run' is in progress ({status.value}), so it is not deleted." in str(caught.value)
        assert "`cloudstore runs cancel the-run`" in str(caught.value)
    assert place.state() == before


KILLED = """
import os, signal, sys
from core import DagsterInstance, ModeDefinition, execute_pipeline, fs_io_manager, pipeline, solid

@solid
def begin(context):
    print("begun", flush=True)
    return 1

@solid
def die(context, x):
    print("dying", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def dying():
    die(begin())

execute_pipeline(dying, instance=DagsterInstance.from_config(sys.argv[1]))
"""


def test_a_run_whose_process_was_killed_goes_with_its_side_files(tmp_path: Path) -> None:
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        run(instance)
    untouched = place.state()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list(tmp_path.glob("history/runs/*-wal"))) == 1
    with place.instance() as instance:
        (dead, _) = instance.get_runs()
        assert dead.status is PipelineRunStatus.STARTED
        with pytest.raises(DagsterInvariantViolationError, match="in progress"):
            instance.delete_run(dead.run_id)
        instance.report_run_canceled(dead)
        instance.delete_run(dead.run_id)
        instance.recover()  # what the dead process noted of its logs goes when that is looked at
    assert place.state() == untouched


def test_side_files_of_a_log_that_is_being_read_go_too(tmp_path: Path) -> None:
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        run_id = run(instance)
        with closing(sqlite3.connect(tmp_path / "history" / "runs" / f"{run_id}.db")) as reader:
            assert reader.execute("SELECT count(*) FROM events").fetchone()[0] > 0
            assert len(list(tmp_path.glob(f"history/runs/{run_id}*"))) == 3
            names = {each.name for each in instance.delete_run(run_id) if each.kind == "events"}
            assert len(names) == 3
            assert list(tmp_path.glob(f"history/runs/{run_id}*")) == []


@pytest.mark.parametrize("place", ["bucket"], indirect=True)
def test_when_the_bucket_cannot_be_reached_nothing_is_deleted(place: Place) -> None:
    with place.instance() as instance:
        run(instance)
    untouched = place.state()
    with place.instance() as instance:
        run_id = run(instance)
    before = place.state()
    unreachable = place.instance(endpoint_url="http://127.0.0.1:9", max_attempts=1)
    with unreachable, pytest.raises(DagsterObjectStoreError, match=r"Cannot connect to http://127.0.0.1:9"):
        unreachable.delete_run(run_id)
    assert place.state() == before
    with place.instance() as instance:
        instance.delete_run(run_id)
    assert place.state() == untouched


def test_a_deletion_that_was_cut_short_can_be_repeated(place: Place) -> None:
    with place.instance() as instance:
        run(instance)
    untouched = place.state()
    with place.instance() as instance:
        run_id = run(instance)
        folder, elsewhere = place.home / "storage" / run_id, place.home / "storage" / "elsewhere"
        folder.rename(elsewhere)
        folder.symlink_to(elsewhere)
        with pytest.raises(DagsterInvariantViolationError, match="behind a symbolic link"):
            instance.delete_run(run_id)
        assert instance.get_existing_run(run_id).is_success
        assert instance.all_logs(run_id)
        folder.unlink()
        elsewhere.rename(folder)
        names = {each.name for each in instance.delete_run(run_id)}
        assert str(folder / "count") in names
        assert run_id in names
    assert place.state() == untouched


def test_what_the_system_does_not_allow_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        run_id = run(instance)
        database = tmp_path / "history" / "runs" / f"{run_id}.db"
        database.unlink()
        (database / "in the way").mkdir(parents=True)
        with pytest.raises(
            DagsterStorageError, match=rf"Cannot delete all of run '{run_id}': {database}: Is a directory"
        ):
            instance.delete_run(run_id)
        assert instance.has_run(run_id)


MEMOIZED = ModeDefinition(
    "memoized", resource_defs={"io_manager": versioned_filesystem_io_manager, "files": local_file_manager}
)


@solid(version="1")
def seven() -> int:
    return 7


@pipeline(mode_defs=[MEMOIZED], tags={"dagster/is_memoized_run": "true"})
def memoized() -> None:
    seven()


def test_values_and_files_that_belong_to_no_run_stay(tmp_path: Path) -> None:
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        first, second = run(instance, memoized), run(instance, memoized)
        (value,) = (tmp_path / "storage" / "versioned_outputs" / "seven" / "result").iterdir()
        instance.delete_run(first)
        assert instance.event_log_storage.get_used_addresses([str(value)])
        instance.delete_run(second)
        assert not instance.event_log_storage.get_used_addresses([str(value)])
        assert value.exists()
        run(instance)
        (kept,) = (tmp_path / "storage" / "files").iterdir()
        for name in ("files", "versioned_outputs"):
            instance.create_run("prices", name)
            assert instance.delete_run(name) == [Removal("run", name)]
        assert value.exists()
        assert kept.exists()


@pytest.mark.parametrize(
    "hostile", ["..", ".", "../..", "../history", "/", "a/b", "'; drop table runs; --", "a\0b", "x" * 10_000, "🦆"]
)
def test_runs_with_hostile_ids_are_deleted_and_nothing_else(hostile: str, place: Place) -> None:
    with place.instance() as instance:
        run(instance)
    before = place.state()
    with place.instance() as instance:
        instance.create_run("prices", hostile)
        assert instance.delete_run(hostile) == [Removal("run", hostile)]
    assert place.state() == before


@pytest.fixture
def ephemeral() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_run_of_an_ephemeral_instance(ephemeral: DagsterInstance) -> None:
    kept, run_id = run(ephemeral), run(ephemeral)
    would_go = ephemeral.delete_run(run_id, dry_run=True)
    assert ephemeral.has_run(run_id)
    assert ephemeral.delete_run(run_id) == would_go
    assert {each.kind for each in would_go} == {"run", "events", "artifacts"}
    assert [each.run_id for each in ephemeral.get_runs()] == [kept]
    assert ephemeral.all_logs(run_id) == []
    assert ephemeral.all_logs(kept)


def test_two_processes_delete_one_run_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from core import DagsterInstance, DagsterRunNotFoundError\n"
        "with DagsterInstance.from_config(sys.argv[1]) as instance:\n"
        "    print('ready', flush=True); input()\n"
        "    for run_id in sys.argv[2:]:\n"
        "        try: instance.delete_run(run_id)\n"
        "        except DagsterRunNotFoundError: pass\n"
    )
    place = Place(tmp_path, None, "")
    with place.instance() as instance:
        run(instance)
    untouched = place.state()
    with place.instance() as instance:
        ids = [run(instance) for _ in range(10)]
    command = [sys.executable, "-c", script, str(tmp_path), *ids]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert place.state() == untouched
