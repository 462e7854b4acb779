"""Versions: the same in every process, no two values under one digest, and cheap to work out."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import Any as AnyType
from core import (
    DependencyDefinition,
    Field,
    InputDefinition,
    IOManager,
    ModeDefinition,
    OutputContext,
    PipelineDefinition,
    in_process_executor,
    io_manager,
    pipeline,
    plan_pipeline,
    resource,
    solid,
)
from core.execution.preparing.prepare import prepare_run
from core.execution.preparing.spec import RunSpec
from core.plan import canonical, versions
from core.plan.canonical import NoDigestError, digest
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager

if TYPE_CHECKING:
    from conftest import FilesystemLab

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hashable, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)


def spelled(value: Any) -> Any:
    """What two values must share to be the same plain value: their types and contents, down to the sign of zero."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return kind, frozenset((spelled(key), spelled(item)) for key, item in value.items())
    if isinstance(value, frozenset):
        return kind, frozenset(spelled(item) for item in value)
    if isinstance(value, list | tuple):
        return kind, tuple(spelled(item) for item in value)
    return kind, repr(value)


@given(plain, plain)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (spelled(one) == spelled(other))


@given(plain)
def test_a_value_has_another_digest_than_its_text_and_than_a_list_of_it(value: Any) -> None:
    near = [repr(value), [value], (value,), {"": value}, [value, None]]
    assert len({digest(each) for each in [value, *near]}) == len({spelled(each) for each in [value, *near]})


@given(st.dictionaries(hashable, plain, min_size=2, max_size=5), st.randoms())
def test_the_order_of_a_dict_does_not_matter(value: dict[Any, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


def test_values_that_python_takes_for_equal_are_kept_apart() -> None:
    groups: list[list[Any]] = [
        [1, "1", True, 1.0, b"1"],
        [0, 0.0, -0.0, False, None, "", [], (), {}, set(), frozenset()],
        [["ab"], ["a", "b"], [["a"], "b"], "ab"],
        [{"a": 1}, [("a", 1)], {"a": "1"}],
        [["asb", "c"], ["a", "bsc"], ["a", "bs1:c"]],  # parts that could pass for the mark of the next part
    ]
    for group in groups:
        assert len({digest(value) for value in group}) == len(group), group


def test_an_integer_of_any_length_has_a_digest() -> None:
    assert digest(10**5000) != digest(10**5000 + 1)


def test_what_has_no_canonical_form_has_no_digest() -> None:
    with pytest.raises(NoDigestError, match="a value of type object, which has no canonical form"):
        digest({"a": [object()]})


PLAIN_TYPES: list[type] = [int, float, str, bytes, list, tuple, set, frozenset, dict]


@given(st.sampled_from(PLAIN_TYPES), st.booleans())
def test_an_object_of_a_derived_type_is_more_than_what_it_holds(plain_type: type, is_nested: bool) -> None:
    derived = type("Metres", (plain_type,), {})()
    with pytest.raises(NoDigestError, match="a value of type Metres, which has no canonical form"):
        digest([derived] if is_nested else derived)


@pytest.mark.parametrize(
    "value",
    [numpy.float64(1), numpy.str_("a"), numpy.bytes_(b"a"), collections.OrderedDict(a=1), collections.Counter("a"),
     collections.defaultdict(list), collections.namedtuple("Point", "x y")(1, 2)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_derived_types_of_libraries_have_no_digest(value: Any) -> None:
    with pytest.raises(NoDigestError, match=f"a value of type {type(value).__name__}, "):
        digest({"a": value})


def test_what_contains_itself_has_no_digest() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NoDigestError, match="nested too deeply, or contains itself"):
        digest(endless)


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value", [10**5000, Unshown(), {Unshown(): 1}, {10**5000: [1]}], ids=["number", "object", "key", "number as key"]
)
def test_a_value_that_cannot_be_shown_is_planned_with(value: Any) -> None:
    @solid(input_defs=[InputDefinition("given", default_value=value)], version="1")
    def take(_context: Any, given: Any) -> int:
        return 1

    @solid(config_schema={"a": Field(AnyType, default_value=value)}, version="1")
    def configured_with(_context: Any) -> int:
        return 2

    @pipeline
    def both() -> None:
        take()
        configured_with()

    assert "which cannot be shown (" in str(plan_pipeline(both).versioned)


PRINT_VERSIONS = """
import json
from core import DependencyDefinition, Field, InputDefinition, ModeDefinition, PipelineDefinition, SolidDefinition
from core import execute_pipeline, resource

@resource(config_schema={"a": int, "b": int, "c": int}, version="1")
def one(context): return context.resource_config

@resource(version="1", required_resource_keys={"one"})
def two(context): return 2

names = {"alpha", "beta", "gamma", "delta"}
solids = [SolidDefinition(name, [InputDefinition("chosen", default_value=frozenset(names))],
          lambda context, inputs: 1, config_schema=Field(dict, default_value={n: [n, 1.5] for n in names}),
          required_resource_keys={"one", "two"}, version="1") for name in sorted(names)]
inputs = [InputDefinition(name) for name in sorted(names)]
last = SolidDefinition("last", inputs, lambda context, inputs: 2, version="1")
feeds = {"last": {name: DependencyDefinition(name) for name in names}}
pipeline = PipelineDefinition([*solids, last], dependencies=feeds,
                              mode_defs=[ModeDefinition(resource_defs={"one": one, "two": two})])
result = execute_pipeline(pipeline, {"resources": {"one": {"config": {"a": 1, "b": 2, "c": 3}}},
                                     "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
outputs = [e.event_specific_data for e in result.event_list if e.event_type_value == "STEP_OUTPUT"]
print(json.dumps({each.step_output_handle.step_key: each.version for each in outputs}))
"""


def test_versions_are_the_same_in_every_process() -> None:
    found = []
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PRINT_VERSIONS]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert set(found[0]) == {"alpha", "beta", "gamma", "delta", "last"}
    assert len(set(found[0].values())) == 5
    assert None not in found[0].values()
    assert found[0] == found[1] == found[2]


def digests_taken(lab: FilesystemLab, monkeypatch: pytest.MonkeyPatch, steps: int) -> int:
    """How many digests are taken to plan a run of a chain whose steps each look at three steps before them."""
    names = [f"step_{index}" for index in range(steps)]
    feeds: dict[str, dict[str, DependencyDefinition]] = {}
    solids = []
    for index, name in enumerate(names):
        sources = {f"input_{back}": names[max(index - back, 0)] for back in (1, 2, 3)} if index else {}
        solids.append(lab.spelling_solid(name, list(sources)))
        feeds[name] = {key: DependencyDefinition(source) for key, source in sources.items()}
    calls = 0
    original = canonical.digest

    def counting(value: Any) -> str:
        nonlocal calls
        calls += 1
        return original(value)

    built = lab.pipeline(solids, feeds)
    with monkeypatch.context() as patch:
        patch.setattr(canonical, "digest", counting)
        patch.setattr(versions, "digest", counting)
        prepared = prepare_run(built, [in_process_executor], RunSpec(run_config={"resources": lab.resources}))
    assert None not in prepared.plan.versions.values()
    return calls


def test_the_work_of_versions_grows_with_the_number_of_steps_and_no_faster(
    disk_lab: FilesystemLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {steps: digests_taken(disk_lab, monkeypatch, steps) for steps in (50, 100, 200)}
    assert counts[50] > 50
    assert counts[200] - counts[100] == 2 * (counts[100] - counts[50])


class CountingIOManager(VersionedPickledObjectFilesystemIOManager):
    """Counts the questions that planning asks."""

    def __init__(self, base_dir: str, asked: list[int]) -> None:
        super().__init__(base_dir)
        self._asked = asked

    def find_outputs(self, contexts: Any) -> list[bool | None]:
        self._asked.append(len(contexts))
        return super().find_outputs(contexts)


def test_planning_starts_each_resource_once_and_asks_for_all_outputs_at_once(disk_lab: FilesystemLab) -> None:
    started: list[str] = []
    asked: list[int] = []

    @resource(version="1")
    def client() -> str:
        started.append("client")
        return "client"

    @resource(version="1")
    def unneeded() -> str:
        started.append("unneeded")
        return "unneeded"

    @io_manager(version="1", required_resource_keys={"client"})
    def counting(_context: Any) -> IOManager:
        started.append("io_manager")
        return CountingIOManager(str(disk_lab.folder), asked)

    resource_defs = {"client": client, "unneeded": unneeded, "io_manager": counting}
    disk_lab.mode, disk_lab.resources = ModeDefinition(resource_defs=resource_defs), {}
    solids = [disk_lab.spelling_solid(name, required_resource_keys={"unneeded", "client"}) for name in "abcdefgh"]
    built = PipelineDefinition(solids, mode_defs=[disk_lab.mode])

    assert len(disk_lab.run(built).executed_step_keys) == 8
    assert sorted(started) == ["client", "io_manager", "unneeded"]
    assert asked == [8]
    started.clear()
    assert disk_lab.run(built).executed_step_keys == []
    assert sorted(started) == ["client", "io_manager"]
    assert asked == [8, 8]


def test_the_context_of_an_output_has_its_version(disk_lab: FilesystemLab) -> None:
    seen: dict[str, str | None] = {}

    class Recording(IOManager):
        def handle_output(self, context: OutputContext, obj: Any) -> None:
            seen[context.step_key] = context.version

        def load_input(self, context: Any) -> Any:
            return None

    @io_manager
    def recording(_context: Any) -> IOManager:
        return Recording()

    @solid(version="1")
    def versioned() -> int:
        return 1

    @solid
    def unversioned(number: int | None) -> None:
        del number

    mode = ModeDefinition(resource_defs={"io_manager": recording})
    feeds = {"unversioned": {"number": DependencyDefinition("versioned")}}
    disk_lab.resources = {}
    disk_lab.run(PipelineDefinition([versioned, unversioned], dependencies=feeds, mode_defs=[mode]))
    assert set(seen) == {"versioned", "unversioned"}
    assert seen["versioned"] is not None
    assert len(seen["versioned"]) == 64
    assert seen["unversioned"] is None
