"""The examples of docs/compute-logs.md, as they are written there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudstore import S3ComputeLogManager
from cloudstore.client.options import S3_OPTIONS
from cloudstore.compute_logs.options import LOG_OPTIONS
from core import DagsterInstance
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.records.pipeline_run import PipelineRun

DOCUMENT = (Path(__file__).parents[3] / "docs" / "compute-logs.md").read_text("utf-8")
LOCAL, AWS, OTHER_STORE = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STORE_KEY", "key")
    monkeypatch.setenv("STORE_SECRET", "hidden")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind"), [(LOCAL, LocalComputeLogManager), (AWS, S3ComputeLogManager), (OTHER_STORE, S3ComputeLogManager)]
)
def test_each_example_makes_an_instance(home: Path, text: str, kind: type) -> None:
    elsewhere = text.replace("/var/log/pipelines", str(home / "logs")).replace("/var/spool/pipelines", str(home / "s"))
    (home / "dagster.yaml").write_text(elsewhere)
    with DagsterInstance.from_config(str(home)) as instance:
        assert type(instance.compute_log_manager) is kind


def test_the_example_for_another_store_ships_there(home: Path, embedded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_KEY", embedded.options["aws_access_key_id"])
    monkeypatch.setenv("STORE_SECRET", embedded.options["aws_secret_access_key"])
    text = OTHER_STORE.replace("http://127.0.0.1:9000", embedded.options["endpoint_url"])
    text = text.replace("bucket: logs", f"bucket: {embedded.bucket}").replace("/var/spool/pipelines", str(home / "s"))
    (home / "dagster.yaml").write_text(text)
    run = PipelineRun("p")
    with DagsterInstance.from_config(str(home)) as instance:
        logs = instance.compute_log_manager
        with logs.watch(run, "step"):
            os.write(1, b"printed")
        assert logs.finish_run(run) + logs.drain() == []
    key = f"dagster/storage/{run.run_id}/compute_logs/step.out"
    assert embedded.client.get_object(Bucket=embedded.bucket, Key=key)["Body"].read() == b"printed"
    with DagsterInstance.from_config(str(home)) as another:
        assert another.compute_log_manager.read_logs_file(run.run_id, "step", ComputeIOType.STDOUT).data == "printed"


def test_every_option_is_told(home: Path) -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))
    assert told == {"bucket", "prefix", "local_dir", "skip_empty_files", *LOG_OPTIONS}
    assert set(S3ComputeLogManager.config_type()) == told | set(S3_OPTIONS)
    assert set(yaml.safe_load(OTHER_STORE)["compute_logs"]["config"]) & told


@pytest.mark.parametrize(("name", "written"), re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", DOCUMENT, re.MULTILINE))
def test_every_default_is_told(name: str, written: str) -> None:
    field = S3ComputeLogManager.config_type()[name]
    if not field.has_default or field.default_value == []:
        assert written in ("", "none") or name == "local_dir"
        return
    plain = written.strip("`").replace(" MiB", " * 1024 * 1024")
    told = eval(plain, {"true": True, "false": False, "dagster": "dagster"})
    assert (told, isinstance(told, bool)) == (field.default_value, isinstance(field.default_value, bool))
