"""What a run leaves outside of its events: values in a bucket, what they cost, and logs here and in a bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import DagsterInstance, DagsterResourceUnavailableError, reconstructable
from core.compute_logs.names import ComputeIOType
from tests.contracts.executors import stores
from tests.contracts.executors.conftest import Runs

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

STORED, TALKATIVE = reconstructable(stores.stored), reconstructable(stores.talkative)


def in_bucket(bucket: str, options: dict[str, Any], prefix: str) -> dict[str, Any]:
    manager = {"s3_bucket": bucket, "s3_prefix": prefix}
    return {"resources": {"s3": {"config": options}, "io_manager": {"config": manager}}}


def test_values_in_a_bucket(runs: Runs, as_in_process: Runs, bucket: str, embedded_options: dict[str, Any]) -> None:
    seen, usages = [], []
    for each, prefix in ((runs, "of_these"), (as_in_process, "of_the_model")):
        result = each.run(STORED, in_bucket(bucket, embedded_options, prefix), "bucket")
        assert result.output_for_solid("total") == sum(range(1000))
        assert result.output_for_solid("summed") == {f"part_{n}": sum(range(n, 1000, 3)) for n in range(3)}
        seen.append({key: repr(events).replace(prefix, "PREFIX") for key, events in each.told(result).items()})
        usages.append(result.event_list[-1].event_specific_data.usage)
        of_steps = [event.event_specific_data.usage for event in result.event_list if event.is_step_success]
        assert usages[-1].write_requests == sum(usage.write_requests for usage in of_steps)
        assert all(usage.requests for usage in of_steps)
    assert seen[0] == seen[1]
    assert usages[0].write_requests == usages[1].write_requests
    assert usages[0].bytes_sent >= usages[1].bytes_sent > 0
    assert usages[0].requests >= usages[1].requests


def test_a_run_without_its_bucket_is_refused(runs: Runs, embedded_options: dict[str, Any]) -> None:
    before = runs.instance.get_runs_count()
    with pytest.raises(DagsterResourceUnavailableError, match="no-such-bucket"):
        runs.run(STORED, in_bucket("no-such-bucket", embedded_options, "values"), "bucket")
    assert runs.instance.get_runs_count() == before


PASSWORD = "hidden-from-all"


@pytest.fixture(params=["here", "in a bucket"])
def logs(
    request: pytest.FixtureRequest,
    runs: Runs,
    sections: Callable[[], dict[str, Any]],
    tmp_path: Path,
    bucket: str,
    embedded_options: dict[str, Any],
) -> Iterator[Runs]:
    section: dict[str, Any] = {
        "module": "core.storage.local_compute_log_manager",
        "class": "LocalComputeLogManager",
        "config": {"base_dir": str(tmp_path / "logs")},
    }
    if request.param == "in a bucket":
        config = {"bucket": bucket, "local_dir": str(tmp_path / "spool"), **embedded_options}
        section = {"module": "cloudstore.compute_log_manager", "class": "S3ComputeLogManager", "config": config}
    with DagsterInstance.local_temp(str(tmp_path / "home"), {**sections(), "compute_logs": section}) as instance:
        yield Runs(runs.kind, instance, runs.of_executor)


def test_logs_of_steps(logs: Runs, capfd: pytest.CaptureFixture[str], bucket: str, client: S3Client) -> None:
    result = logs.run(TALKATIVE, {"solids": {"talks": {"config": {"password": PASSWORD}}}})
    shown = capfd.readouterr()
    logs.instance.compute_log_manager.drain()
    stdout, stderr = logs.output_of(result, "talks")
    assert stdout.replace("*" * len(PASSWORD), PASSWORD).splitlines() == [
        "printed",
        "to the descriptor",
        "of a shell",
        f"the password is {PASSWORD}",
        "\N{DUCK} é b'\\xff'",
        "\ufffd no text",
    ]
    assert "written\n" in stderr
    assert "its error\n" in stderr
    assert [logs.output_of(result, "talks_twice", number)[0] for number in (1, 2)] == ["attempt 0\n", "attempt 1\n"]
    assert logs.output_of(result, "is_quiet") == ("", "")
    stdout, stderr = logs.output_of(result, "talks_and_fails")
    assert stdout == "before it fails\n"
    manager = logs.instance.compute_log_manager
    for step_key in ("talks", "talks_twice", "is_quiet", "talks_and_fails"):
        assert manager.is_watch_completed(result.run_id, step_key)
    assert manager.read_logs_file(result.run_id, "talks_twice", ComputeIOType.STDOUT, attempt=3).data in (None, "")
    for line in ("printed", "to the descriptor", "of a shell", "attempt 0", "attempt 1", "before it fails"):
        assert shown.out.count(f"{line}\n") == 1, line
    assert shown.err.count("its error\n") == 1
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert PASSWORD.encode() not in body, key


@pytest.fixture
def client(s3_server: Any) -> S3Client:
    client: S3Client = s3_server.client()
    return client
