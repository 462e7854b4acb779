"""Values of pipelines, and pipelines that are refused for the sake of their bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import s3_file_manager, s3_pickle_io_manager, s3_resource, versioned_s3_io_manager
from cloudstore.s3.bucket import check_bucket
from core import DagsterInstance, ModeDefinition, PipelineExecutionResult, execute_pipeline, pipeline, solid
from core.errors import DagsterResourceUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MODES = [
    ModeDefinition("run_scoped", resource_defs={"s3": s3_resource, "io_manager": s3_pickle_io_manager}),
    ModeDefinition("versioned", resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager}),
]
BIG = bytes(range(256)) * (80 << 10)  # 20 MiB: more than one request takes


@solid(version="1", config_schema={"times": int})
def numbers(context: Any) -> list:  # type: ignore[type-arg]  # the engine knows `list`
    return [{"zażółć": each} for each in range(context.solid_config["times"])]


@solid(version="1")
def counted(values: list) -> int:  # type: ignore[type-arg]
    return len(values)


@solid(version="1")
def big(count: int) -> Any:
    return BIG[:-count]


@pipeline(mode_defs=MODES)
def values() -> None:
    big(counted(numbers()))


@solid(required_resource_keys={"file_manager"})
def write_file(context: Any) -> None:
    context.resources.file_manager.write_data(b"")


@pipeline(mode_defs=[ModeDefinition(resource_defs={"file_manager": s3_file_manager})])
def files() -> None:
    write_file()


class Runs:
    """Runs the pipeline in one bucket."""

    def __init__(self, options: dict[str, Any], bucket: str, instance: DagsterInstance) -> None:
        self._resources: dict[str, Any] = {
            "s3": {"config": options},
            "io_manager": {"config": {"s3_bucket": bucket, "s3_prefix": "some/where"}},
        }
        self._instance = instance

    def run(self, mode: str, times: int = 3) -> PipelineExecutionResult:
        run_config = {
            "solids": {"numbers": {"config": {"times": times}}},
            "resources": self._resources,
        }
        memoize = mode == "versioned"
        return execute_pipeline(values, run_config, mode, instance=self._instance, memoize=memoize)


@pytest.fixture
def runs(options: dict[str, Any], bucket: str) -> Any:
    with DagsterInstance.local_temp() as instance:
        yield Runs(options, bucket, instance)


def keys_in(client: S3Client, bucket: str) -> set[str]:
    return {item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_values_of_a_run_come_back_from_its_own_keys(runs: Runs, client: S3Client, bucket: str) -> None:
    first, second = runs.run("run_scoped"), runs.run("run_scoped", times=5)
    assert first.output_for_solid("numbers") == [{"zażółć": 0}, {"zażółć": 1}, {"zażółć": 2}]
    assert (first.output_for_solid("counted"), second.output_for_solid("counted")) == (3, 5)
    assert first.output_for_solid("big") == BIG[:-3]
    steps = ("numbers", "counted", "big")
    expected = {f"some/where/storage/{run.run_id}/{step}/result" for run in (first, second) for step in steps}
    assert keys_in(client, bucket) == expected


def test_a_memoized_rerun_executes_only_what_changed(runs: Runs, client: S3Client, bucket: str) -> None:
    cold = runs.run("versioned")
    stored = keys_in(client, bucket)
    again = runs.run("versioned")
    assert set(cold.executed_step_keys) == {"numbers", "counted", "big"}
    assert set(again.executed_step_keys) == set()
    assert again.output_for_solid("big") == BIG[:-3]
    assert keys_in(client, bucket) == stored

    client.delete_object(Bucket=bucket, Key=next(key for key in stored if "/big/" in key))
    assert set(runs.run("versioned").executed_step_keys) == {"big"}
    assert keys_in(client, bucket) == stored

    changed = runs.run("versioned", times=4)
    assert set(changed.executed_step_keys) == {"numbers", "counted", "big"}
    assert changed.output_for_solid("big") == BIG[:-4]
    assert len(keys_in(client, bucket)) == 6


@pytest.mark.parametrize("mode", ["run_scoped", "versioned"])
def test_a_missing_bucket_refuses_the_run(mode: str, options: dict[str, Any], bucket: str) -> None:
    with DagsterInstance.local_temp() as instance:
        with pytest.raises(DagsterResourceUnavailableError, match=f"bucket '{bucket}-gone' does not exist"):
            Runs(options, f"{bucket}-gone", instance).run(mode)
        assert not any(run.is_success for run in instance.get_runs())


def test_a_missing_bucket_of_the_file_manager_refuses_the_run(options: dict[str, Any], bucket: str) -> None:
    resources = {"file_manager": {"config": {**options, "s3_bucket": f"{bucket}-gone"}}}
    with pytest.raises(DagsterResourceUnavailableError, match=f"bucket '{bucket}-gone' does not exist"):
        execute_pipeline(files, {"resources": resources})


def test_a_bucket_is_probed_without_a_trace(client: S3Client, bucket: str) -> None:
    check_bucket(client, bucket, "some/where")
    assert keys_in(client, bucket) == set()
    with pytest.raises(DagsterResourceUnavailableError, match="is not the name of a bucket"):
        check_bucket(client, f"s3://{bucket}/prefix")
    with pytest.raises(DagsterResourceUnavailableError, match=f"aws s3 mb s3://{bucket}-gone"):
        check_bucket(client, f"{bucket}-gone")
