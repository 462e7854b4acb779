"""What steps print is in the bucket, and another machine reads it there."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cloudstore import S3ComputeLogManager
from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.compute_logs.names import ComputeIOType

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@solid
def talkative() -> None:
    print("zażółć, on stdout")
    print("on stderr", file=sys.stderr)


@pipeline
def talk() -> None:
    talkative()


@pytest.fixture
def instance(options: dict[str, Any], bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    config = {"bucket": bucket, "prefix": "some/logs", "local_dir": str(tmp_path / "logs"), **options}
    logs = {"module": "cloudstore.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"compute_logs": logs}), "utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        yield instance


def test_logs_are_shipped_read_elsewhere_and_deleted(
    instance: DagsterInstance, options: dict[str, Any], client: S3Client, bucket: str, tmp_path: Path
) -> None:
    run_id = execute_pipeline(talk, instance=instance).run_id
    folder = f"some/logs/storage/{run_id}/compute_logs/"
    keys = {item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {f"{folder}talkative.out", f"{folder}talkative.err"} <= keys

    elsewhere = S3ComputeLogManager(bucket, str(tmp_path / "elsewhere"), prefix="some/logs", **options)
    try:
        read = {each: elsewhere.read_logs_file(run_id, "talkative", each).data for each in ComputeIOType}
        url = elsewhere.download_url(run_id, "talkative", ComputeIOType.STDOUT)
    finally:
        elsewhere.dispose()
    assert read[ComputeIOType.STDOUT] == "zażółć, on stdout\n"
    assert "on stderr\n" in (read[ComputeIOType.STDERR] or "")
    assert url is not None
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as answer:
        assert answer.read().decode("utf-8") == "zażółć, on stdout\n"

    instance.delete_run(run_id)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
