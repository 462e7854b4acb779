"""Two pipelines that differ in anything that can matter have other versions; in nothing that matters, the same."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core import Any as AnyValue
from core import (
    DependencyDefinition,
    Field,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    OutputDefinition,
    PipelineDefinition,
    ResourceDefinition,
    SolidDefinition,
    SolidInvocation,
    in_process_executor,
)
from core.execution.preparing.prepare import prepare_run
from core.execution.preparing.spec import RunSpec

many_examples = settings(max_examples=150)

RESOURCES = ("db", "model")
OUTPUTS = ("first", "second")
scalars = st.sampled_from([0, 1, "1", True, False, 1.0, -0.0, "", "a", "b", None])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=5,
)


@dataclass(frozen=True)
class Resource:
    version: str
    config: Any
    requires_other: bool


@dataclass(frozen=True)
class Node:
    """A step. Each input is fed by outputs (step, output) of steps before it, or has a value of its own."""

    definition: str
    version: str
    config: Any
    feeds: tuple[tuple[tuple[int, str], ...], ...]  # one output, or several: a fan-in
    values: tuple[Any, ...]
    resources: frozenset[str]
    name: str = ""
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Described:
    nodes: tuple[Node, ...]
    resources: dict[str, Resource]


@st.composite
def nodes(draw: st.DrawFn, index: int) -> Node:
    source = st.tuples(st.integers(0, max(index - 1, 0)), st.sampled_from(OUTPUTS))
    feeds = draw(st.lists(st.lists(source, min_size=1, max_size=3, unique=True).map(tuple), max_size=2 if index else 0))
    return Node(
        f"s{index}",
        draw(st.sampled_from("12")),
        draw(values),
        tuple(feeds),
        tuple(draw(st.lists(values, max_size=2))),
        draw(st.frozensets(st.sampled_from(RESOURCES))),
        f"n{index}",
    )


@st.composite
def described(draw: st.DrawFn) -> Described:
    made = tuple(draw(nodes(index)) for index in range(draw(st.integers(1, 4))))
    resources = {key: Resource(draw(st.sampled_from("12")), draw(values), key == "model") for key in RESOURCES}
    return Described(made, resources)


def versions_of(pipeline: Described, order: random.Random | None = None) -> dict[str, str]:
    """The version of each output by `step.output`; with `order`, everything is declared in another order."""
    shuffled: Any = (lambda items: order.sample(list(items), len(list(items)))) if order else list
    solids, dependencies, configs = [], {}, {}
    for node in pipeline.nodes:
        fed = {f"fed_{number}": feed for number, feed in enumerate(node.feeds)}
        given = {f"given_{number}": value for number, value in enumerate(node.values)}
        solids.append(
            SolidDefinition(
                node.definition,
                [InputDefinition(name) for name in shuffled(fed)]
                + [InputDefinition(name, default_value=value) for name, value in shuffled(given.items())],
                lambda context, inputs: None,
                [OutputDefinition(name=name) for name in shuffled(OUTPUTS)],
                Field(AnyValue, is_required=False),
                description=node.description,
                tags=node.tags,
                required_resource_keys=node.resources,
                version=node.version,
            )
        )
        sources = {name: [DependencyDefinition(f"n{at}", out) for at, out in feed] for name, feed in fed.items()}
        dependencies[SolidInvocation(node.definition, alias=node.name)] = {
            name: feeds[0] if len(feeds) == 1 else MultiDependencyDefinition(feeds)
            for name, feeds in shuffled(sources.items())
        }
        if node.config is not None:
            configs[node.name] = {"config": reordered(node.config, shuffled)}
    resource_defs = {
        key: ResourceDefinition(
            lambda context: None,
            Field(AnyValue, is_required=False),
            required_resource_keys={"db"} if made.requires_other else None,
            version=made.version,
        )
        for key, made in shuffled(pipeline.resources.items())
    }
    built = PipelineDefinition(
        shuffled(solids),
        dependencies=dict(shuffled(dependencies.items())),
        mode_defs=[ModeDefinition(resource_defs=resource_defs)],
    )
    used = {key: made.config for key, made in pipeline.resources.items() if made.config is not None}
    config = {
        "solids": dict(shuffled(configs.items())),
        "resources": {key: {"config": reordered(value, shuffled)} for key, value in used.items()},
    }
    plan = prepare_run(built, [in_process_executor], RunSpec(run_config=config)).plan
    found = {f"{handle.step_key}.{handle.output_name}": version for handle, version in plan.versions.items()}
    assert None not in found.values()
    return {name: version for name, version in found.items() if version is not None}


def reordered(value: Any, shuffled: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(item, shuffled) for key, item in shuffled(value.items())}
    return [reordered(item, shuffled) for item in value] if isinstance(value, list) else value


def spelled(value: Any) -> str:
    """Two values that are not the same are spelled otherwise; the order of dict keys is no difference."""
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{key!r}: {spelled(item)}' for key, item in value.items()))}}}"
    return f"[{', '.join(map(spelled, value))}]" if isinstance(value, list) else repr(value)


def below(pipeline: Described, changed: int) -> set[int]:
    """A step and all that it feeds."""
    found = {changed}
    for index, node in enumerate(pipeline.nodes):
        if any(source in found for feed in node.feeds for source, _ in feed):
            found.add(index)
    return found


@st.composite
def one_difference(draw: st.DrawFn) -> tuple[Described, Described, set[int]]:
    """A pipeline, the same but for one thing, and the steps whose versions that must change."""
    before = draw(described())
    at = draw(st.integers(0, len(before.nodes) - 1))
    node = before.nodes[at]
    kinds = ["version", "config", "values", "definition"]
    kinds += ["feeds", "feeds"] if at else []
    kinds += ["order"] * 3 if any(len(feed) > 1 for feed in node.feeds) else []
    kinds += ["resource version", "resource config"]
    kind = draw(st.sampled_from(kinds))
    if kind.startswith("resource"):
        key = draw(st.sampled_from(RESOURCES))
        made = before.resources[key]
        other = draw(values.filter(lambda value: spelled(value) != spelled(made.config)))
        new = replace(made, version=made.version + "x") if kind.endswith("version") else replace(made, config=other)
        using = {key, "model"} if key == "db" else {key}  # `model` requires `db`
        touched = [index for index, each in enumerate(before.nodes) if each.resources & using]
        after = replace(before, resources={**before.resources, key: new})
        return before, after, set().union(*(below(before, index) for index in touched))
    if kind == "version":
        node = replace(node, version=node.version + "x")
    elif kind == "definition":
        node = replace(node, definition=node.definition + "x")
    elif kind == "config":
        node = replace(node, config=draw(values.filter(lambda value: spelled(value) != spelled(node.config))))
    elif kind == "values":
        drawn = st.lists(values, max_size=2).filter(lambda given: spelled(given) != spelled(list(node.values)))
        node = replace(node, values=tuple(draw(drawn)))
    elif kind == "order":
        node = replace(node, feeds=tuple(feed[::-1] for feed in node.feeds))
    else:
        node = replace(node, feeds=draw(nodes(at).map(lambda each: each.feeds).filter(lambda each: each != node.feeds)))
    after = replace(before, nodes=(*before.nodes[:at], node, *before.nodes[at + 1 :]))
    return before, after, below(before, at)


@many_examples
@given(one_difference())
def test_what_can_matter_changes_the_versions_of_what_depends_on_it_alone(
    drawn: tuple[Described, Described, set[int]],
) -> None:
    before, after, changed = drawn
    old, new = versions_of(before), versions_of(after)
    for index, node in enumerate(before.nodes):
        for output in OUTPUTS:
            name = f"{node.name}.{output}"
            assert (old[name] != new[name]) == (index in changed)


@many_examples
@given(described(), st.integers())
def test_what_cannot_matter_changes_nothing(pipeline: Described, seed: int) -> None:
    told = tuple(replace(node, description="told", tags={"a": "b"}) for node in pipeline.nodes)
    again = versions_of(replace(pipeline, nodes=told), random.Random(seed))
    assert again == versions_of(pipeline)


@many_examples
@given(described())
def test_no_two_outputs_share_a_version(pipeline: Described) -> None:
    found = versions_of(pipeline)
    assert len(set(found.values())) == len(pipeline.nodes) * len(OUTPUTS)


FROM_ANOTHER_PLACE = """
import json, os, sys
os.chdir({folder!r})
sys.path[:0] = {path!r}
import test_version_properties as module
print(json.dumps(module.versions_of(module.Described(
    (module.Node("s0", "1", {{"z": [1, "1"], "a": None, "m": {{"x": 1.0}}}}, (), (True, {{"b": 1, "a": 2}}),
                 frozenset(["db", "model"]), "n0"),
     module.Node("s1", "1", None, (((0, "second"), (0, "first")), ((0, "first"),)), (), frozenset(), "n1")),
    {{"db": module.Resource("1", {{"y": 1, "x": 2}}, False), "model": module.Resource("2", None, True)}},
))))
"""


def test_another_process_folder_and_hash_seed_change_nothing(tmp_path: Any) -> None:
    found = []
    for seed in ("0", "77"):
        folder = tmp_path / seed
        folder.mkdir()
        code = FROM_ANOTHER_PLACE.format(folder=str(folder), path=[__file__.rpartition("/")[0], *sys.path])
        command = [sys.executable, "-c", code]
        compiled = {"PYTHONPYCACHEPREFIX": os.environ["PYTHONPYCACHEPREFIX"]}
        environment = {**compiled, "PYTHONHASHSEED": seed, "HOME": str(folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert len(found[0]) == 4
    assert found[0] == found[1]
