"""Names that users import, and that `dagster.yaml`, pickles and journals state, lead to what they always led to.

What moved is reached through doors: modules that import it and do nothing else. `released` holds what a release wrote:
handles of files in a pickle, and the journals and logs of processes that were killed.
"""

from __future__ import annotations

import ast
import importlib
import pickle
import shutil
import tomllib
from collections import OrderedDict
from pathlib import Path

import pytest

from cloudstore import S3ComputeLogManager, S3FileHandle
from cloudstore.testing import EmbeddedS3Server
from core import InMemoryFileHandle, LocalFileHandle
from core.compute_logs.local import LocalComputeLogManager
from core.process.leftovers import Leftovers

ROOT = Path(__file__).parents[2]
RELEASED = Path(__file__).parent / "released" / "0.2.0"

DOORS = {
    "cloudstore.compute_log_manager": {"S3ComputeLogManager": "cloudstore.compute_logs.manager"},
    "cloudstore.file_manager": {
        "S3FileHandle": "cloudstore.files.manager",
        "S3FileManager": "cloudstore.files.manager",
    },
    "core.execution.build_resources": {"build_resources": "core.definitions.direct.resources"},
    "core.execution.context.compute": {
        "AbstractComputeExecutionContext": "core.definitions.calls.compute_context",
        "SolidExecutionContext": "core.execution.contexts.solid",
    },
    "core.execution.context.init": {
        "InitResourceContext": "core.definitions.resource",
        "build_init_resource_context": "core.definitions.direct.resources",
    },
    "core.test_utils": {"instance_for_test": "core.testing.instances"},
    "core.experimental": {
        "DynamicOutput": "core.events.user_events",
        "DynamicOutputDefinition": "core.definitions.parts.input_output",
    },
    "core.storage.compute_log_manager": {
        "ComputeIOType": "core.compute_logs.names",
        "ComputeLogFileData": "core.compute_logs.pieces",
        "ComputeLogManager": "core.compute_logs.manager",
        "NoOpComputeLogManager": "core.compute_logs.manager",
    },
    "core.storage.file_manager": {
        "FileHandle": "core.files.manager",
        "FileManager": "core.files.manager",
        "LocalFileHandle": "core.files.local",
        "LocalFileManager": "core.files.local",
        "local_file_manager": "core.resources.file_managers",
    },
    "core.storage.local_compute_log_manager": {"LocalComputeLogManager": "core.compute_logs.local"},
    "core.storage.mem_file_manager": {
        "InMemoryFileHandle": "core.files.memory",
        "InMemoryFileManager": "core.files.memory",
    },
    "core.storage.memoizable_io_manager": {
        "MemoizableIOManager": "core.values.io_manager",
        "versioned_filesystem_io_manager": "core.resources.versioned_fs_io_manager",
    },
    "core.storage.pipeline_run": {
        "PipelineRun": "core.records.pipeline_run",
        "PipelineRunStatus": "core.records.pipeline_run",
        "PipelineRunsFilter": "core.records.pipeline_run",
    },
    "core.storage.tags": dict.fromkeys(
        (
            "COMPUTE_LOGS_PRUNED_TAG",
            "EVENTS_PRUNED_TAG",
            "HIDDEN_TAG_PREFIX",
            "MEMOIZED_RUN_TAG",
            "PARENT_RUN_ID_TAG",
            "PRESET_NAME_TAG",
            "PRIORITY_TAG",
            "RESUME_RETRY_TAG",
            "ROOT_RUN_ID_TAG",
            "SOLID_SELECTION_TAG",
            "STEP_SELECTION_TAG",
            "SYSTEM_TAG_PREFIX",
        ),
        "core.records.tags",
    ),
}
"""Of each door, the names it has, and where they are at home."""


def source(module: str) -> ast.Module:
    return ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text("utf-8"))


def is_door(tree: ast.Module) -> bool:
    """Whether a module imports what it offers and does nothing else."""
    docstring, *rest = tree.body
    *imports, offered = rest or [docstring]
    return (
        isinstance(docstring, ast.Expr)
        and isinstance(offered, ast.Assign)
        and isinstance(offered.targets[0], ast.Name)
        and offered.targets[0].id == "__all__"
        and all(isinstance(each, ast.ImportFrom) for each in imports)
    )


@pytest.mark.parametrize("door", DOORS)
def test_a_door_leads_to_what_moved_and_does_nothing_else(door: str) -> None:
    module, homes = importlib.import_module(door), DOORS[door]
    assert is_door(source(door))
    assert sorted(module.__all__) == sorted(homes)
    for name, home in homes.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)


def test_these_are_all_doors() -> None:
    files = [*(ROOT / "core").rglob("*.py"), *(ROOT / "cloudstore").rglob("*.py")]
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if file.stem != "__init__"]
    assert {module for module in modules if is_door(source(module))} == DOORS.keys()


def test_only_doors_and_packages_offer_what_they_import_of_ours() -> None:
    files = [*(ROOT / "core").rglob("*.py"), *(ROOT / "cloudstore").rglob("*.py")]
    found = {}
    for file in files:
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if file.stem != "__init__" and module not in DOORS:
            tree = source(module).body
            imported = {
                name.asname or name.name
                for each in tree
                if isinstance(each, ast.ImportFrom) and str(each.module).partition(".")[0] in ("core", "cloudstore")
                for name in each.names
            }
            offered = [
                each.value
                for each in tree
                if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__"
            ]
            found[module] = imported.intersection(*map(ast.literal_eval, offered)) if offered else set()
    assert {module: names for module, names in found.items() if names} == {}


def test_only_doors_import_upward() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    ignored = [each for contract in settings for each in contract.get("ignore_imports", [])]
    assert ignored
    assert {each.partition(" -> ")[0] for each in ignored} <= DOORS.keys()


def test_handles_in_pickles_of_a_release_are_loaded() -> None:
    assert pickle.loads((RELEASED / "handles.pickle").read_bytes()) == {
        "local": LocalFileHandle("/data/files/a.csv"),
        "memory": InMemoryFileHandle("a.csv"),
        "s3": S3FileHandle("bucket", "files/a b.csv"),
    }


def test_logs_of_a_process_that_was_killed_under_a_release_are_recovered(tmp_path: Path) -> None:
    folder = shutil.copytree(RELEASED / "local_logs", tmp_path / "storage")
    manager = LocalComputeLogManager(str(folder))
    manager.recover()
    manager.dispose()
    logs = {path.name: path.read_text("utf-8") for path in folder.rglob("*.out")}
    assert logs == {"first.out": "printed by first\n", "second.out": "printed by second\n"}
    assert not list(folder.rglob("*.jsonl"))


def test_what_pickles_say_of_the_file_that_was_run_is_understood() -> None:
    assert pickle.loads(b"ccore.types.own_file\nof_file\n(Vcollections\nVOrderedDict\ntR.") is OrderedDict


def test_logs_that_were_staged_under_a_release_are_shipped(
    tmp_path: Path, s3_server: EmbeddedS3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORMER_AWS_ACCESS_KEY_ID", "k")  # the credentials with which that process was killed
    monkeypatch.setenv("FORMER_AWS_SECRET_ACCESS_KEY", "s3cr3tvalue")
    folder = shutil.copytree(RELEASED / "staged_logs", tmp_path / "staged")
    manager = S3ComputeLogManager(
        bucket=bucket,
        prefix="logs",
        local_dir=str(folder),
        endpoint_url=s3_server.endpoint_url,
        region_name=s3_server.region,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        skip_empty_files=True,
    )
    manager.recover()
    assert manager.drain() == []
    manager.dispose()
    client = s3_server.client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]]
    logs = {key.rpartition("/")[2]: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    assert logs == {"first.out": b"printed by first\n", "second.out": b"printed by second\n"}
    assert not list(folder.rglob("*.jsonl"))


def test_an_upload_that_was_left_under_a_release_is_aborted(
    tmp_path: Path, s3_server: EmbeddedS3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = s3_server.client()
    upload = client.create_multipart_upload(Bucket=bucket, Key="large.bin")["UploadId"]
    journal = (RELEASED / "leftover_uploads.jsonl").read_text("utf-8")
    for written, here in [
        ("http://127.0.0.1:28060", s3_server.endpoint_url),
        ("bucket-28668eca2fd095fe", bucket),
        ("bea2aba916652385070d12bde62c95ad3e70d47a_a913ae77008743678946676c825eca12", upload),
    ]:
        assert written in journal
        journal = journal.replace(written, here)
    (tmp_path / "left.jsonl").write_text(journal, "utf-8")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)  # a journal holds no secret
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    [removal] = Leftovers(tmp_path).clear()
    assert removal.name == f"s3://{bucket}/large.bin (upload {upload})"
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)
    assert not list(tmp_path.glob("*.jsonl"))
