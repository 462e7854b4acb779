"""Pipelines whose values are kept by version: on the disk, in a bucket, and by a manager as users write one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloudstore import s3_pickle_io_manager, s3_resource, versioned_s3_io_manager
from cloudstore.client import make_client
from core import (
    Field,
    InputContext,
    InputDefinition,
    List,
    MemoizableIOManager,
    Noneable,
    Nothing,
    Output,
    OutputContext,
    OutputDefinition,
    Permissive,
    fs_io_manager,
    io_manager,
    pipeline,
    resource,
    solid,
    success_hook,
    versioned_filesystem_io_manager,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition
from tests.contracts.executors.modes import mode


@resource(config_schema=str, version="1")
def folder(context: Any) -> Iterator[Path]:
    made = Path(context.resource_config)
    made.mkdir(parents=True, exist_ok=True)
    yield made


class InFolder(MemoizableIOManager):
    """A user's, which says nothing of addresses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, context: OutputContext) -> Path:
        versioned = context.version is not None
        names = context.get_versioned_output_identifier() if versioned else context.get_run_scoped_output_identifier()
        return self._folder / "-".join(names)

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._path(context).write_bytes(pickle.dumps(obj))

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return pickle.loads(self._path(context.upstream_output).read_bytes())

    def has_output(self, context: OutputContext) -> bool:
        return self._path(context).exists()


@io_manager(required_resource_keys={"folder"}, version="1")
def in_folder(context: Any) -> InFolder:
    return InFolder(context.resources.folder)


MODES = [
    mode("disk", resource_defs={"io_manager": versioned_filesystem_io_manager}),
    mode("bucket", resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager}),
    mode("own", resource_defs={"folder": folder, "io_manager": in_folder}),
    mode("by_run", resource_defs={"io_manager": fs_io_manager}),
    mode("in_bucket_by_run", resource_defs={"s3": s3_resource, "io_manager": s3_pickle_io_manager}),
]


@success_hook
def told(context: Any) -> None:
    context.log.info(f"{context.step_key} was executed")


@solid(version="1", config_schema=Field(int, default_value=3))
def numbers(context: Any) -> list:
    print("numbers are made")
    return list(range(context.solid_config))


@solid(version="1", output_defs=[DynamicOutputDefinition(int)])
def keys(numbers: list) -> Iterator[DynamicOutput]:
    for number in numbers:
        yield DynamicOutput(number, mapping_key=f"k{number}")


@solid(version="1", config_schema=Field(int, default_value=10))
def times(context: Any, number: int) -> int:
    return number * context.solid_config


@solid(version="1")
def total(numbers: List[int]) -> int:
    return sum(numbers)


@solid(
    version="1",
    config_schema=Field(bool, default_value=True),
    output_defs=[OutputDefinition(int, "one", is_required=False), OutputDefinition(int, "two")],
)
def perhaps(context: Any, total: int) -> Iterator[Output]:
    if context.solid_config:
        yield Output(total + 1, "one")
    yield Output(total + 2, "two")


@solid(version="1")
def of_one(number: int) -> int:
    return number


@solid(version="1", config_schema=Field(Noneable(str), default_value=None, is_required=False))
def fails_once(context: Any, number: int) -> int:
    if context.solid_config is not None and not Path(context.solid_config).exists():
        raise RuntimeError(f"{number} is not there yet")
    return number


@solid
def unversioned(numbers: List[int]) -> list:
    return sorted(numbers)


@told
@pipeline(mode_defs=MODES, tags={"dagster/is_memoized_run": "true"})
def memo() -> None:
    mapped = keys(numbers()).map(times)
    summed = total(mapped.collect())
    one, two = perhaps(summed)
    unversioned([of_one(one), fails_once(two)])


# Values that are lost or damaged while a run goes on


@solid(config_schema=Permissive())
def tampers(context: Any) -> None:
    """Deletes or replaces the values of `near`, as somebody else may."""
    config = context.solid_config
    if config.get("folder") is not None:
        for path in Path(config["folder"]).rglob("*"):
            if path.is_file() and path.relative_to(config["folder"]).as_posix().count("near"):
                path.write_bytes(pickle.dumps("of somebody else")) if config["damages"] else path.unlink()
    elif config.get("bucket") is not None:
        client = make_client(config["options"])
        listed = client.list_objects_v2(Bucket=config["bucket"], Prefix=config["prefix"])
        for each in listed.get("Contents", []):
            if "near" in each["Key"]:
                if config["damages"]:
                    client.put_object(Bucket=config["bucket"], Key=each["Key"], Body=pickle.dumps("of somebody else"))
                else:
                    client.delete_object(Bucket=config["bucket"], Key=each["Key"])


@solid(version="1")
def near() -> str:
    return "near"


@solid(version="1", config_schema=Field(int, default_value=0), input_defs=[
    InputDefinition("value"), InputDefinition("start", Nothing),
])  # fmt: skip
def far(context: Any, value: Any) -> str:
    return f"far {context.solid_config} of {value}"


@pipeline(mode_defs=MODES, tags={"dagster/is_memoized_run": "true"})
def tampered() -> None:
    far(near(), start=tampers())
