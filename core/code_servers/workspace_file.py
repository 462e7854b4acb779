"""Reading `workspace.yaml`: where code locations are, in the forms of Dagster 0.11."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.code_calls.names import location_name
from core.config import (
    Array,
    BoolSource,
    ConfigFault,
    Field,
    IntSource,
    ScalarUnion,
    Selector,
    Shape,
    StringSource,
    raise_faults,
)
from core.printable import printable
from core.records.origin import (
    GrpcServerRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
    RepositoryLocationOrigin,
)
from core.serdes.yaml_file import YamlFile, read_yaml_file

_MOST_PORT = 65535
_OPTIONAL = Field(StringSource, is_required=False)
_CODE = dict.fromkeys(("attribute", "location_name", "working_directory", "executable_path"), _OPTIONAL)
_SCHEMA = Shape(
    {
        "load_from": Array(
            Selector(
                {
                    "python_file": ScalarUnion(str, Shape({"relative_path": StringSource, **_CODE})),
                    "python_module": ScalarUnion(str, Shape({"module_name": StringSource, **_CODE})),
                    "python_package": ScalarUnion(str, Shape({"package_name": StringSource, **_CODE})),
                    "grpc_server": Shape(
                        {
                            "host": Field(StringSource, default_value="localhost"),
                            "port": Field(IntSource, is_required=False),
                            "socket": _OPTIONAL,
                            "location_name": _OPTIONAL,
                            "ssl": Field(BoolSource, is_required=False),
                        }
                    ),
                }
            )
        )
    }
)
_NAMES = {"python_file": "relative_path", "python_module": "module_name", "python_package": "package_name"}


def read_workspace(path: Path) -> list[RepositoryLocationOrigin]:
    """Where the code locations of a workspace are, each with its name.

    Args:
        path: the file. What it names by relative paths is looked for from its folder; so are imports, where it names no
            `working_directory`.

    Raises:
        DagsterInvalidConfigError: naming for each fault the file, the line and the key.
    """
    file = read_yaml_file(path)
    faults: list[ConfigFault] = []
    config = _SCHEMA.resolve(file.content, (), faults)
    if not faults:
        faults = [fault for each in _entries(config) for fault in _misfits(*each)]
    raise_faults(_placed(faults, file), file.content, printable(str(path)))
    folder = path.absolute().parent
    origins = [_origin(kind, value, folder) for _, kind, value in _entries(config)]
    faults = _same_names([place for place, _, _ in _entries(config)], origins)
    raise_faults(_placed(faults, file), file.content, printable(str(path)))
    return origins


def _entries(config: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], str, Any]]:
    """Of each location its place, its kind, and what is said of it."""
    return [
        (("load_from", index, kind), kind, value)
        for index, each in enumerate(config["load_from"])
        for kind, value in each.items()
    ]


def _misfits(place: tuple[Any, ...], kind: str, value: Any) -> list[ConfigFault]:
    if kind != "grpc_server":
        return []
    if ("port" in value) == ("socket" in value):
        return [ConfigFault(place, "give exactly one of port and socket")]
    if not 0 < value.get("port", 1) <= _MOST_PORT:
        return [ConfigFault((*place, "port"), f"expected a port from 1 to {_MOST_PORT}, got {value['port']}")]
    return []


def _origin(kind: str, value: Any, folder: Path) -> RepositoryLocationOrigin:
    if kind == "grpc_server":
        return _named(
            GrpcServerRepositoryLocationOrigin(
                value["host"], value.get("port"), value.get("socket"), value.get("location_name"), value.get("ssl")
            )
        )
    given: Mapping[str, str] = {_NAMES[kind]: value} if isinstance(value, str) else value
    file, executable = given.get("relative_path"), given.get("executable_path")
    target = LoadableTargetOrigin(
        executable_path=str(folder / executable) if executable and "/" in executable else executable,
        python_file=None if file is None else str(folder / file),
        module_name=given.get("module_name"),
        working_directory=str(folder / given.get("working_directory", "")),
        attribute=given.get("attribute"),
        package_name=given.get("package_name"),
    )
    return _named(ManagedGrpcPythonEnvRepositoryLocationOrigin(target, given.get("location_name")))


def _named(
    origin: GrpcServerRepositoryLocationOrigin | ManagedGrpcPythonEnvRepositoryLocationOrigin,
) -> RepositoryLocationOrigin:
    return replace(origin, location_name=location_name(origin))


def _same_names(places: list[tuple[Any, ...]], origins: list[RepositoryLocationOrigin]) -> list[ConfigFault]:
    seen: set[str | None] = set()
    faults = []
    for place, origin in zip(places, origins, strict=True):
        if origin.location_name in seen:
            message = f"another code location is called {origin.location_name!r}; give this one a location_name"
            faults.append(ConfigFault(place, message))
        seen.add(origin.location_name)
    return faults


def _placed(faults: list[ConfigFault], file: YamlFile) -> list[ConfigFault]:
    placed = [replace(fault, file=str(file.path), line=file.line_of(fault.path)) for fault in faults]
    return sorted([*placed, *file.faults], key=lambda fault: fault.line)
