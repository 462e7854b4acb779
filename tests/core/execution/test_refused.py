"""Runs that are refused before they begin: the error says all that is wrong, and nothing is written."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudstore import s3_resource, versioned_s3_io_manager
from cloudstore.testing import EmbeddedS3Server
from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterResourceUnavailableError,
    ModeDefinition,
    PipelineDefinition,
    PresetDefinition,
    SolidDefinition,
    execute_pipeline,
    execute_pipeline_iterator,
    execute_solids_within_pipeline,
    reexecute_pipeline,
    validate_run_config,
)


def chain(*modes: ModeDefinition) -> PipelineDefinition:
    def never(_context: Any, _inputs: Any) -> None:
        raise AssertionError("a refused run executes nothing")

    return PipelineDefinition(
        [SolidDefinition("clean", [], never, config_schema={"months": [int]}, version="1")],
        "flights",
        mode_defs=list(modes),
    )


RIGHT = {"clean": {"config": {"months": [1]}}}


@pytest.fixture(autouse=True)
def _nothing_is_written(instance: DagsterInstance, tmp_path: Path) -> Iterator[None]:
    yield
    assert instance.get_runs() == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and "-" not in path.name] == ["runs.db"]


@pytest.mark.parametrize("raise_on_error", [True, False])
@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({"solids": {"cleen": {}, **RIGHT}}, {"solids.cleen": "unknown key 'cleen'; did you mean 'clean'?"}),
        ({"solids": {"clean": {"config": {}}}}, {"solids.clean.config.months": "missing required config"}),
        ({}, {"solids": "missing required config: clean.config.months of type list of Int; the least to write is {"}),
        ({"solids": {"clean": {"config": {"months": ["a"]}}}}, {"solids.clean.config.months[0]": "expected Int"}),
        ({"solids": RIGHT, "resource": {}}, {"resource": "did you mean 'resources'?"}),
        ({"solids": RIGHT, "execution": {"none": {}}}, {"execution.none": "unknown choice 'none'"}),
        (
            {"solids": {"clean": {"config": {"months": 1, "x": 2}}}, "y": 3},
            {"solids.clean.config.months": "expected a list", "solids.clean.config.x": "unknown", "y": "unknown"},
        ),
    ],
)
def test_a_run_config_that_does_not_fit(
    instance: DagsterInstance, config: dict[str, Any], faults: dict[str, str], raise_on_error: bool
) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="run config of pipeline 'flights' in mode 'default'") as caught:
        execute_pipeline(chain(), config, instance=instance, raise_on_error=raise_on_error)
    told = dict(str(fault).split(": ", 1) for fault in caught.value.errors)
    assert told.keys() == faults.keys()
    for path, message in faults.items():
        assert message in told[path]
    assert caught.value.config_value == config


@pytest.mark.parametrize(("given", "shown"), [("password.yaml", "a str"), ([{"password": 1}], "a list")])
@pytest.mark.parametrize("preset", [None, "small"])
def test_a_run_config_that_is_none(instance: DagsterInstance, given: Any, shown: str, preset: str | None) -> None:
    asked = chain()
    if preset is not None:
        asked = PipelineDefinition([], "empty", preset_defs=[PresetDefinition(preset, {})])
    for run in (
        lambda: execute_pipeline(asked, given, preset=preset, instance=instance),
        lambda: validate_run_config(asked, given),
        lambda: next(execute_pipeline_iterator(asked, given, preset=preset, instance=instance)),
        lambda: execute_solids_within_pipeline(asked, ["clean"], run_config=given, preset=preset, instance=instance),
    ):
        with pytest.raises(DagsterInvalidConfigError, match=f"expected a mapping, got {shown}; of files") as caught:
            run()
        assert "password" not in str(caught.value)


@pytest.mark.parametrize("preset", [None, "small"])
def test_tags_that_are_none(instance: DagsterInstance, preset: str | None) -> None:
    asked = PipelineDefinition([], "empty", preset_defs=[PresetDefinition("small", {})])
    with pytest.raises(DagsterInvalidDefinitionError, match=r"tags of the run must be a dict; they are a list"):
        execute_pipeline(asked, tags=["a"], preset=preset, instance=instance)  # type: ignore[arg-type]


def test_a_parent_that_is_no_id(instance: DagsterInstance) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="id of the parent run is text; it was given a dict"):
        reexecute_pipeline(chain(), {"solids": RIGHT}, instance=instance)  # type: ignore[arg-type]


def test_an_instance_that_is_none(instance: DagsterInstance) -> None:
    assert instance.get_runs() == []
    with pytest.raises(DagsterInvariantViolationError, match=r"instance=.* a DagsterInstance, got a str"):
        execute_pipeline(chain(), {"solids": RIGHT}, instance="here")  # type: ignore[arg-type]


def test_an_unknown_mode(instance: DagsterInstance) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"unknown mode 's3'\. Known: default"):
        execute_pipeline(chain(), {"solids": RIGHT}, "s3", instance=instance)


def test_what_is_no_pipeline(instance: DagsterInstance) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="Expected a pipeline, got a function"):
        execute_pipeline(chain, instance=instance)  # type: ignore[arg-type]


S3 = ModeDefinition("s3", resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager})


def s3_config(server: EmbeddedS3Server, bucket: str, **options: str) -> dict[str, Any]:
    client = {
        "endpoint_url": server.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "addressing_style": "path",
        **options,
    }
    resources = {"s3": {"config": client}, "io_manager": {"config": {"s3_bucket": bucket}}}
    return {"solids": RIGHT, "resources": resources}


@pytest.mark.parametrize("memoize", [True, False])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aws_secret_access_key": "wrong"}, "Check aws_secret_access_key"),
        ({"aws_access_key_id": "AKNOTTHERE"}, "Check aws_access_key_id"),
    ],
)
def test_credentials_that_the_store_does_not_accept(
    instance: DagsterInstance,
    s3_server: EmbeddedS3Server,
    bucket: str,
    options: dict[str, str],
    message: str,
    memoize: bool,
) -> None:
    config = s3_config(s3_server, bucket, **options)
    with pytest.raises(DagsterResourceUnavailableError, match=message):
        execute_pipeline(chain(S3), config, instance=instance, memoize=memoize, raise_on_error=False)
    assert s3_server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_bucket_that_is_not_there(instance: DagsterInstance, s3_server: EmbeddedS3Server) -> None:
    with pytest.raises(DagsterResourceUnavailableError, match="'not-there' does not exist"):
        execute_pipeline(chain(S3), s3_config(s3_server, "not-there"), instance=instance)


def test_an_endpoint_that_nobody_listens_at(
    instance: DagsterInstance, s3_server: EmbeddedS3Server, bucket: str
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(DagsterResourceUnavailableError, match=f"Cannot connect to {url}"):
            execute_pipeline(chain(S3), s3_config(s3_server, bucket, endpoint_url=url), instance=instance)


def test_an_environment_variable_that_is_not_set(instance: DagsterInstance, s3_server: EmbeddedS3Server) -> None:
    assert "NO_SUCH_SECRET" not in os.environ
    config = s3_config(s3_server, "any")
    config["resources"]["s3"]["config"]["aws_secret_access_key"] = {"env": "NO_SUCH_SECRET"}
    with pytest.raises(DagsterInvalidConfigError) as caught:
        execute_pipeline(chain(S3), config, instance=instance)
    [fault] = caught.value.errors
    assert str(fault) == (
        "resources.s3.config.aws_secret_access_key: the environment variable NO_SUCH_SECRET is not set; export it, "
        "or write the value here"
    )
