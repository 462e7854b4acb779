"""Origins: what they hold, what they refuse, that JSON gives them back, and that their ids stay what they are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DagsterInvariantViolationError
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    GrpcServerRepositoryLocationOrigin,
    InProcessRepositoryLocationOrigin,
    JobOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
    PipelinePythonOrigin,
)
from core.serdes import from_json, to_json

FLIGHTS = LoadableTargetOrigin(python_file="flights.py", attribute="repo")
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def loadable_targets(draw: st.DrawFn) -> LoadableTargetOrigin:
    kind = draw(st.sampled_from(["python_file", "module_name", "package_name"]))
    others = {name: draw(st.none() | TEXT) for name in ("executable_path", "working_directory", "attribute")}
    return LoadableTargetOrigin(**others, **{kind: draw(TEXT)})


SERVERS = st.one_of(
    st.builds(GrpcServerRepositoryLocationOrigin, TEXT, st.integers(0, 65535), location_name=st.none() | TEXT),
    st.builds(GrpcServerRepositoryLocationOrigin, TEXT, socket=TEXT, use_ssl=st.none() | st.booleans()),
)
LOCATIONS = st.one_of(
    st.builds(InProcessRepositoryLocationOrigin, loadable_targets()),
    st.builds(ManagedGrpcPythonEnvRepositoryLocationOrigin, loadable_targets(), st.none() | TEXT),
    SERVERS,
)
PIPELINES = st.builds(ExternalPipelineOrigin, st.builds(ExternalRepositoryOrigin, LOCATIONS, TEXT), TEXT)
PYTHON = st.builds(
    PipelinePythonOrigin,
    loadable_targets(),
    TEXT,
    st.lists(JSON, max_size=3),
    st.dictionaries(TEXT, JSON, max_size=3),
)


@given(PIPELINES | PYTHON)
def test_json_gives_an_origin_back_with_its_id(origin: ExternalPipelineOrigin | PipelinePythonOrigin) -> None:
    again = from_json(type(origin), to_json(origin))
    assert again == origin
    assert type(again) is type(origin)
    assert again.get_id() == origin.get_id()


@given(PIPELINES, PIPELINES)
def test_ids_are_equal_where_origins_are(one: ExternalPipelineOrigin, other: ExternalPipelineOrigin) -> None:
    assert (one.get_id() == other.get_id()) == (one == other)


def test_the_order_of_arguments_by_name_does_not_matter() -> None:
    one = PipelinePythonOrigin(FLIGHTS, "daily", [], {"a": 1, "b": {"c": 2, "d": 3}})
    other = PipelinePythonOrigin(FLIGHTS, "daily", [], {"b": {"d": 3, "c": 2}, "a": 1})
    assert one == other
    assert one.get_id() == other.get_id()


def test_locations_of_two_kinds_with_the_same_code_differ() -> None:
    assert (
        InProcessRepositoryLocationOrigin(FLIGHTS).get_id()
        != ManagedGrpcPythonEnvRepositoryLocationOrigin(FLIGHTS).get_id()
    )


def test_ids_stay_what_they_are() -> None:
    """They stand in databases: a change here makes every stored schedule and sensor unknown."""
    repository = ExternalRepositoryOrigin(InProcessRepositoryLocationOrigin(FLIGHTS), "prices")
    server = GrpcServerRepositoryLocationOrigin("db-1", socket="/run/code.sock", use_ssl=True)
    assert {
        "target": FLIGHTS.get_id()[:16],
        "repository": repository.get_id()[:16],
        "pipeline": ExternalPipelineOrigin(repository, "daily").get_id()[:16],
        "server": server.get_id()[:16],
        "managed": ManagedGrpcPythonEnvRepositoryLocationOrigin(FLIGHTS, "here").get_id()[:16],
        "python": PipelinePythonOrigin(FLIGHTS, "daily", [1, "a"], {"b": None}).get_id()[:16],
        "job": JobOrigin("repo", "nightly").get_id()[:16],
    } == {
        "target": "309e8b27869eb99f",
        "repository": "e4cd5976d2520da6",
        "pipeline": "3c240c5fa7cc3302",
        "server": "545591104bc0c00f",
        "managed": "b08e2c7a06fbb4f6",
        "python": "7d5faa774438dfc3",
        "job": "0a9740f296bc2f21",
    }


@pytest.mark.parametrize(
    ("given_fields", "said"),
    [
        ({}, "it was given none of them"),
        ({"attribute": "repo"}, "it was given none of them"),
        ({"python_file": "a.py", "module_name": "a"}, "it was given python_file and module_name"),
        ({"module_name": "a", "package_name": "a"}, "it was given module_name and package_name"),
    ],
)
def test_code_is_one_of_a_file_a_module_and_a_package(given_fields: dict[str, str], said: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=f"needs exactly one of python_file.*; {said}"):
        LoadableTargetOrigin(**given_fields)


@pytest.mark.parametrize("address", [{}, {"port": 1, "socket": "x"}])
def test_a_server_is_reached_by_a_port_or_a_socket(address: dict[str, Any]) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="by a port or a socket; give exactly one of them"):
        GrpcServerRepositoryLocationOrigin("db-1", **address)


def test_an_origin_of_a_kind_that_is_not_known_is_not_taken_for_another() -> None:
    with pytest.raises(msgspec.ValidationError):
        from_json(
            ExternalRepositoryOrigin, '{"repository_location_origin":{"type":"Later","host":"x"},"repository_name":"r"}'
        )
