"""A pipeline whose values come from everywhere and go everywhere, and which looks at all that its context has."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterType,
    EventMetadataEntry,
    Field,
    FileHandle,
    InputContext,
    InputDefinition,
    IOManager,
    OutputContext,
    OutputDefinition,
    TypeCheck,
    dagster_type_loader,
    dagster_type_materializer,
    fs_io_manager,
    graph,
    io_manager,
    local_file_manager,
    op,
    pipeline,
    resource,
    root_input_manager,
    solid,
    usable_as_dagster_type,
)
from tests.contracts.executors.modes import EXECUTORS, mode


@usable_as_dagster_type(description="A place.")
@dataclass(frozen=True)
class Place:
    x: int
    y: int


@resource(config_schema={"scale": int})
def scale(context: Any) -> int:
    return context.resource_config["scale"]


@resource(required_resource_keys={"scale"})
def twice(context: Any) -> int:
    return 2 * context.resources.scale


@dagster_type_loader({"words": str}, required_resource_keys={"twice"})
def load_words(context: Any, config: Any) -> list[str]:
    context.log.info("words are loaded")
    return config["words"].split() * context.resources.twice


@dagster_type_materializer({"path": str}, required_resource_keys={"scale"})
def write_words(context: Any, config: Any, words: Any) -> Iterator[AssetMaterialization]:
    Path(config["path"]).write_text(" ".join(words))
    yield AssetMaterialization(AssetKey("words"), metadata={"scale": context.resources.scale})


Words = DagsterType(
    lambda context, value: TypeCheck(
        isinstance(value, list), metadata_entries=[EventMetadataEntry.int(context.resources.twice, "twice")]
    ),
    "Words",
    loader=load_words,
    materializer=write_words,
    required_resource_keys={"twice"},
)


class Shelf(IOManager):
    """A user's, with config for each value, metadata and assets of its own; values are text."""

    def __init__(self, folder: Path, scale: int) -> None:
        self._folder, self._scale = folder, scale

    def _path(self, context: OutputContext) -> Path:
        return self._folder / "-".join([*context.get_run_scoped_output_identifier(), str(self._scale)])

    def handle_output(self, context: OutputContext, obj: Any) -> Iterator[Any]:
        assert context.log is not None
        context.log.info(f"{context.name} with {context.config}, {context.resources.scale}")
        self._path(context).write_text(str(obj) * context.config["times"])
        yield AssetMaterialization(AssetKey(["shelf", context.step_key]))
        yield EventMetadataEntry.text(context.metadata["unit"], "unit")

    def load_input(self, context: InputContext) -> str:
        assert context.upstream_output is not None
        times = context.config["reads"] if context.config else 1
        return self._path(context.upstream_output).read_text() * times

    def get_address(self, context: OutputContext) -> str:
        return self._path(context).name


@io_manager(
    config_schema={"folder": str},
    required_resource_keys={"scale"},
    output_config_schema={"times": int},
    input_config_schema={"reads": Field(int, default_value=1)},
)
def shelf(context: Any) -> Shelf:
    folder = Path(context.resource_config["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    return Shelf(folder, context.resources.scale)


@root_input_manager(input_config_schema={"limit": int}, required_resource_keys={"twice"})
def table(context: InputContext) -> list[int]:
    return list(range(100 * context.resources.twice))[: context.config["limit"]]


@solid(input_defs=[InputDefinition("words", Words)], output_defs=[OutputDefinition(Words)])
def words(words: Any) -> Any:
    return [each.upper() for each in words]


@solid(
    input_defs=[InputDefinition("rows", root_manager_key="table"), InputDefinition("more", int, default_value=5)],
    output_defs=[OutputDefinition(io_manager_key="shelf", metadata={"unit": "rows"})],
)
def counts(rows: Any, more: int) -> str:
    return f"{len(rows) + more}."


@solid(input_defs=[InputDefinition("text", str)])
def reads(text: str) -> str:
    return text


@solid
def place(x: int, y: int) -> Place:
    return Place(x, y)


@solid
def moved(place: Place, by: dict) -> Place:
    return Place(place.x + by["x"], place.y)


@solid(required_resource_keys={"file_manager"})
def writes_file(context: Any) -> FileHandle:
    return context.resources.file_manager.write_data(b"content")


@solid(required_resource_keys={"file_manager"})
def reads_file(context: Any, handle: FileHandle) -> bytes:
    return context.resources.file_manager.read_data(handle)


@solid(config_schema={"a": int, "token": str}, tags={"kind": "looks"}, required_resource_keys={"twice"})
def looks(context: Any) -> dict:
    """All that a solid may ask of its context, but what differs from run to run."""
    run = context.instance.get_run_by_id(context.run_id)
    return {
        "config": context.solid_config,
        "run_config": context.run_config["solids"],
        "tags": context.pipeline_run.tags,
        "stored_tags": run.tags,
        "status": run.status.value,
        "is_this_run": run.run_id == context.pipeline_run.run_id,
        "of_it": context.instance.get_runs_count() > 0,
        "names": (context.pipeline_name, context.mode_def.name, context.solid.name, context.step_key),
        "defs": (context.solid_def.name, context.pipeline_def.name),
        "tag": (context.has_tag("kind"), context.get_tag("kind")),
        "retry_number": context.retry_number,
        "resource": context.resources.twice,
        "home": context.instance.root_directory,
        "is_ephemeral": context.instance.is_ephemeral,
        "cwd": str(Path.cwd()),
        "argv": sys.argv[1:],
        "environment": os.environ.get("OF_THE_SUITE"),
        "path": [each for each in sys.path if "tests" in each],
    }


MODES = [
    mode(
        name,
        resource_defs={
            "scale": scale,
            "twice": twice,
            "shelf": shelf,
            "table": table,
            "file_manager": local_file_manager,
            **({"io_manager": fs_io_manager} if name == "manager" else {}),
        },
    )
    for name in ("manager", "storage")
]


@pipeline(mode_defs=MODES, tags={"team": "suite"})
def everywhere() -> None:
    words()
    reads(counts())
    moved(place())
    reads_file(writes_file())
    looks()


# By the later names


@op
def one() -> int:
    return 1


@op(config_schema={"by": int})
def plus(context: Any, number: int) -> int:
    return number + context.solid_config["by"]


@graph
def summing() -> None:
    plus(one())


def job(executor: str) -> Any:
    (executor_def,) = (each for each in EXECUTORS if each.name == executor)
    return summing.to_job(resource_defs={"io_manager": fs_io_manager}, executor_def=executor_def)
