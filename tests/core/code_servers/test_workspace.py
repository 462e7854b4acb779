"""`workspace.yaml`: all its forms, and how what is wrong in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.code_servers import Workspace
from core.code_servers.workspace_file import read_workspace
from core.errors import DagsterInvalidConfigError
from core.records.origin import (
    GrpcServerRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
    RepositoryLocationOrigin,
)


def _read(folder: Path, text: str) -> list[RepositoryLocationOrigin]:
    (folder / "workspace.yaml").write_text(text)
    return read_workspace(folder / "workspace.yaml")


def _managed(name: str, **target: str) -> ManagedGrpcPythonEnvRepositoryLocationOrigin:
    return ManagedGrpcPythonEnvRepositoryLocationOrigin(LoadableTargetOrigin(**target), name)


def test_all_forms_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICES_PORT", "4266")
    origins = _read(
        tmp_path,
        """
load_from:
- python_file: flights.py
- python_file:
    relative_path: code/shop.py
    attribute: shop
    location_name: the shop
    working_directory: src
    executable_path: venv/bin/python
- python_module: weather.repository
- python_module: {module_name: weather.repository, attribute: daily, executable_path: /usr/bin/python3}
- python_package: stocks
- python_package: {package_name: stocks, attribute: bonds, executable_path: python3.12, working_directory: /srv}
- grpc_server: {port: {env: PRICES_PORT}}
- grpc_server: {host: 10.0.0.1, port: 1, location_name: remote, ssl: true}
- grpc_server: {socket: /run/prices}
""",
    )
    here = str(tmp_path)
    assert origins == [
        _managed("flights.py", python_file=f"{here}/flights.py", working_directory=here),
        _managed(
            "the shop",
            python_file=f"{here}/code/shop.py",
            attribute="shop",
            working_directory=f"{here}/src",
            executable_path=f"{here}/venv/bin/python",
        ),
        _managed("weather.repository", module_name="weather.repository", working_directory=here),
        _managed(
            "weather.repository:daily",
            module_name="weather.repository",
            attribute="daily",
            working_directory=here,
            executable_path="/usr/bin/python3",
        ),
        _managed("stocks", package_name="stocks", working_directory=here),
        _managed(
            "stocks:bonds",
            package_name="stocks",
            attribute="bonds",
            working_directory="/srv",
            executable_path="python3.12",
        ),
        GrpcServerRepositoryLocationOrigin("localhost", 4266, location_name="grpc:localhost:4266"),
        GrpcServerRepositoryLocationOrigin("10.0.0.1", 1, location_name="remote", use_ssl=True),
        GrpcServerRepositoryLocationOrigin(
            "localhost", socket="/run/prices", location_name="grpc:localhost:/run/prices"
        ),
    ]


def test_a_workspace_has_them_by_name_and_starts_nothing(tmp_path: Path) -> None:
    origins = _read(tmp_path, "load_from: [python_file: a.py, python_module: b]")
    workspace = Workspace.from_file(tmp_path / "workspace.yaml")
    assert [each.name for each in workspace.locations()] == ["a.py", "b"]
    assert workspace.location_of(origins[1]) is workspace.locations()[1]


def test_it_does_not_depend_on_where_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = _read(tmp_path, "load_from: [python_file: a.py]")
    monkeypatch.chdir(tmp_path)
    assert read_workspace(Path("workspace.yaml")) == read


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "load_from: missing"),
        ("load_from: 3", 1, "load_from: expected a list"),
        ("load_form: []", 1, "unknown key 'load_form'"),
        ("load_from:\n- python_fil: a.py", 2, "unknown choice 'python_fil'; did you mean 'python_file'"),
        ("load_from:\n- a.py", 2, "load_from[0]: expected a mapping"),
        ("load_from:\n- python_file: a.py\n  python_module: b", 2, "exactly one"),
        ("load_from:\n- python_file:\n    attribute: a", 2, "relative_path: missing"),
        ("load_from:\n- python_file:\n    relative_path: a.py\n    atribute: a", 4, "unknown key 'atribute'"),
        ("load_from:\n- python_module: [a]", 2, "python_module"),
        ("load_from:\n- python_package:\n    package_name: 3", 3, "package_name: expected"),
        ("load_from:\n- grpc_server: {host: here}", 2, "give exactly one of port and socket"),
        ("load_from:\n- grpc_server: {port: 1, socket: a}", 2, "give exactly one of port and socket"),
        ("load_from:\n- grpc_server:\n    port: 65536", 3, "expected a port from 1 to 65535, got 65536"),
        ("load_from:\n- grpc_server:\n    port: a", 3, "port: expected"),
        ("load_from:\n- grpc_server:\n    port: {env: NOT_SET_AT_ALL}", 3, "NOT_SET_AT_ALL"),
        ("load_from:\n- grpc_server: {port: 1, ssl: maybe}", 2, "ssl: expected"),
        ("load_from:\n- python_file: a.py\n- python_file: code/a.py", 3, "another code location is called 'a.py'"),
        ("load_from: []\nload_from: []", 2, "this key is in line 1 already"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        _read(tmp_path, text)
    assert said in str(caught.value)
    assert [fault.line for fault in caught.value.errors] == [line]
    assert str(tmp_path / "workspace.yaml") in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        _read(tmp_path, "load_from:\n- python_fil: a.py\n- grpc_server: {prt: 1}\n")
    assert [fault.line for fault in caught.value.errors] == [2, 3]


@pytest.mark.parametrize(
    ("text", "said"), [("[", "is not YAML"), ("- a", "must hold a mapping"), (None, "Cannot read")]
)
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "workspace.yaml").write_text(text)
    with pytest.raises(DagsterInvalidConfigError, match=said):
        read_workspace(tmp_path / "workspace.yaml")
