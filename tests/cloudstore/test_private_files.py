"""What runs leave on the disk can be read by their user only, whatever the umask, or by the group if that is said."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudstore.testing import EmbeddedS3Server

PROGRAM = """
import io, json, os, sys
from pathlib import Path

home, umask, bucket = Path(sys.argv[1]), int(sys.argv[2], 8), sys.argv[3]
os.umask(umask)

from cloudstore import s3_resource, versioned_s3_io_manager
from core import *
from core import versioned_filesystem_io_manager
from core.compute_logs.manager import ComputeIOType
from core.resources.file_managers import local_file_manager

seen = {}

def look():
    for folder, folders, files in os.walk(home):
        for path in (folder, *(os.path.join(folder, name) for name in (*folders, *files))):
            try:
                seen[os.path.relpath(path, home)] = os.lstat(path).st_mode
            except FileNotFoundError:
                pass  # a log that was shipped meanwhile

@solid(required_resource_keys={"file_manager", "s3"}, version="1")
def writes(context):
    print("a line")
    context.resources.file_manager.write_data(b"content", "txt")
    upload = context.resources.s3.create_multipart_upload(Bucket=bucket, Key="unfinished")
    look()
    context.resources.s3.abort_multipart_upload(Bucket=bucket, Key="unfinished", UploadId=upload["UploadId"])
    return list(range(1000))

@solid(version="1")
def fails(rows):
    look()
    raise ValueError("too much")

s3 = {"config": json.loads(os.environ["S3_OPTIONS"])}
resources = {"s3": s3_resource, "file_manager": local_file_manager}
modes = [
    ModeDefinition(name, resource_defs={**resources, "io_manager": each})
    for name, each in {
        "fs": fs_io_manager, "versioned": versioned_filesystem_io_manager, "bucket": versioned_s3_io_manager,
    }.items()
]

@pipeline(mode_defs=modes)
def p():
    fails(writes())

instance = DagsterInstance.from_config(str(home))
for mode in modes:
    config = {"resources": {"s3": s3}}
    if mode.name == "bucket":
        config["resources"]["io_manager"] = {"config": {"s3_bucket": bucket}}
    result = execute_pipeline(p, config, mode.name, instance=instance, raise_on_error=False, memoize=mode.name != "fs")
    assert [event.step_key for event in result.step_event_list if event.is_step_failure] == ["fails"]
    look()
instance.schedule_storage.all_stored_job_state()
instance.compute_log_manager.drain()
print(instance.compute_log_manager.read_logs_file(result.run_id, "writes", ComputeIOType.STDOUT).data, file=sys.stderr)
look()
instance.dispose()
print(json.dumps(seen))
"""


def run(home: Path, umask: int, bucket: str, server: EmbeddedS3Server, yaml: dict[str, Any]) -> dict[str, int]:
    """The modes of all that was in the home during and after runs of several kinds."""
    home.mkdir(0o755, exist_ok=True)
    home.joinpath("dagster.yaml").write_text(json.dumps(yaml))
    options = {
        "endpoint_url": server.endpoint_url, "region_name": "us-east-1", "addressing_style": "path",
        "aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home), oct(umask), bucket],
        env={**os.environ, "S3_OPTIONS": json.dumps(options), "S3_KEY": server.secret_key},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "a line" in done.stderr
    modes: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return {name: mode for name, mode in modes.items() if name not in (".", "dagster.yaml")}


def logs_in_a_bucket(home: Path, bucket: str, server: EmbeddedS3Server) -> dict[str, Any]:
    config = {
        "bucket": bucket, "endpoint_url": server.endpoint_url, "region_name": "us-east-1", "addressing_style": "path",
        "aws_access_key_id": server.access_key, "aws_secret_access_key": {"env": "S3_KEY"}, "gzip": True,
        "local_dir": str(home / "spool"),
    }  # fmt: skip
    return {"module": "cloudstore.compute_log_manager", "class": "S3ComputeLogManager", "config": config}


@pytest.mark.parametrize("umask", [0, 0o777, 0o022], ids=oct)
def test_files_and_folders_are_their_users_alone(
    umask: int, tmp_path: Path, bucket: str, s3_server: EmbeddedS3Server
) -> None:
    home = tmp_path / "home"
    yaml = {"compute_logs": logs_in_a_bucket(home, bucket, s3_server)} if umask == 0 else {}
    modes = run(home, umask, bucket, s3_server, yaml)
    assert stat.S_IMODE(home.stat().st_mode) == 0o755, "a folder of the user stays as it is"
    expected = {name: 0o700 if stat.S_ISDIR(mode) else 0o600 for name, mode in modes.items()}
    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == expected
    kinds = {Path(name).suffix for name in modes}
    assert {".db", ".db-wal", ".db-shm", ".jsonl", ".txt", ".out"} <= kinds
    assert {"storage", "history", "schedules", "leftovers"} <= {Path(name).parts[0] for name in modes}
    if umask == 0:
        assert any(name.startswith("spool/.writers/") for name in modes)
        secret = s3_server.secret_key.encode()
        assert [path for path in home.rglob("*") if path.is_file() and secret in path.read_bytes()] == []


def test_the_group_may_read_where_that_is_said(tmp_path: Path, bucket: str, s3_server: EmbeddedS3Server) -> None:
    modes = run(tmp_path / "home", 0o077, bucket, s3_server, {"files": {"group_readable": True}})
    expected = {name: 0o750 if stat.S_ISDIR(mode) else 0o640 for name, mode in modes.items()}
    assert {name: stat.S_IMODE(mode) for name, mode in modes.items()} == expected


def test_what_is_there_keeps_its_permissions(tmp_path: Path, bucket: str, s3_server: EmbeddedS3Server) -> None:
    home = tmp_path / "home"
    for folder in (home / "history", home / "storage"):
        folder.mkdir(parents=True)
        folder.chmod(0o775)
    database = home / "history" / "runs.db"
    database.touch()
    database.chmod(0o664)
    modes = run(home, 0o022, bucket, s3_server, {})
    kept = ["history", "storage", "history/runs.db", "history/runs.db-wal"]
    assert [stat.S_IMODE(modes[name]) for name in kept] == [0o775, 0o775, 0o664, 0o664]
