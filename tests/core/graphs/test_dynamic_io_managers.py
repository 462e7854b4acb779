"""Values of dynamic outputs are kept by every IO manager and intermediate storage, and runs that follow take them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudstore import s3_pickle_io_manager, s3_plus_default_intermediate_storage_defs, s3_resource
from cloudstore.testing import EmbeddedS3Server
from core import (
    DagsterInstance,
    List,
    ModeDefinition,
    OutputDefinition,
    custom_path_fs_io_manager,
    execute_pipeline,
    fs_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition


@solid(output_defs=[DynamicOutputDefinition(int, metadata={"path": "emitted"})], version="1")
def emit() -> Iterator[DynamicOutput]:
    yield DynamicOutput(1, "a")
    yield DynamicOutput(2, "b_")


@solid(output_defs=[OutputDefinition(int, metadata={"path": "doubled"})], version="1")
def double(context: Any, number: int) -> int:
    assert context.step_key == f"double[{context.get_mapping_key()}]"
    return 2 * number


@solid(output_defs=[OutputDefinition(int, metadata={"path": "in_all"})], version="1")
def total(context: Any, numbers: List[int]) -> int:
    assert context.get_mapping_key() is None
    return sum(numbers)


def in_mode(mode: ModeDefinition) -> Any:
    @pipeline(name="mapped", mode_defs=[mode])
    def mapped() -> None:
        total(emit().map(double).collect())

    return mapped


S3 = {"s3": s3_resource}
MODES = {
    "files": (ModeDefinition(resource_defs={"io_manager": fs_io_manager}), {}),
    "versioned files": (ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager}), {}),
    "files of one's own names": (ModeDefinition(resource_defs={"io_manager": custom_path_fs_io_manager}), {}),
    "memory": (ModeDefinition(), {}),
    "intermediate files": (ModeDefinition(), {"intermediate_storage": {"filesystem": {}}}),
    "intermediate memory": (ModeDefinition(), {"intermediate_storage": {"in_memory": {}}}),
}
S3_MODES = {
    "pickles": ModeDefinition(resource_defs={**S3, "io_manager": s3_pickle_io_manager}),
    "intermediate": ModeDefinition(
        resource_defs=S3, intermediate_storage_defs=s3_plus_default_intermediate_storage_defs
    ),
}


def check(mode: ModeDefinition, config: dict[str, Any], instance: DagsterInstance) -> None:
    first = execute_pipeline(in_mode(mode), config, instance=instance)
    assert first.output_for_solid("total") == 6
    assert first.output_for_solid("emit") == {"a": 1, "b_": 2}
    assert first.output_for_solid("double") == {"a": 2, "b_": 4}
    for selection in (["double[b_]*"], ["total"]):
        again = reexecute_pipeline(in_mode(mode), first.run_id, config, selection, instance=instance)
        assert again.output_for_solid("total") == 6


@pytest.mark.parametrize("name", MODES)
def test_on_this_machine(name: str, tmp_path: Path) -> None:
    mode, config = MODES[name]
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        if "memory" in name:
            assert execute_pipeline(in_mode(mode), config, instance=instance).output_for_solid("total") == 6
        else:
            check(mode, config, instance)


@pytest.mark.parametrize("name", S3_MODES)
def test_in_a_bucket(name: str, s3_server: EmbeddedS3Server, bucket: str, tmp_path: Path) -> None:
    options = {
        "endpoint_url": s3_server.endpoint_url,
        "aws_access_key_id": s3_server.access_key,
        "aws_secret_access_key": s3_server.secret_key,
        "region_name": s3_server.region,
        "addressing_style": "path",
    }
    config: dict[str, Any] = {"resources": {"s3": {"config": options}}}
    if name == "pickles":
        config["resources"]["io_manager"] = {"config": {"s3_bucket": bucket}}
    else:
        config["intermediate_storage"] = {"s3": {"config": {"s3_bucket": bucket}}}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        check(S3_MODES[name], config, instance)


def test_a_part_of_a_memoized_run_is_executed_memoized(tmp_path: Path) -> None:
    mode, _ = MODES["versioned files"]
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_pipeline(in_mode(mode), instance=instance, memoize=True)
        again = execute_pipeline(in_mode(mode), instance=instance, memoize=True)
        assert (first.executed_step_keys[-1], again.executed_step_keys) == ("total", [])
        for parent in (first, again):
            part = reexecute_pipeline(
                in_mode(mode), parent.run_id, step_selection=["double[a]", "total"], instance=instance, memoize=True
            )
            assert part.memoized_step_keys == ["double[a]", "total"]
            part = reexecute_pipeline(
                in_mode(mode), parent.run_id, step_selection=["double[a]*"], instance=instance, memoize=False
            )
            assert part.executed_step_keys == ["double[a]", "total"]
            assert part.output_for_solid("total") == 6
