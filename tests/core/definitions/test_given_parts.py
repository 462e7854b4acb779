"""What is given to a definition as a list or a dict, and is none: refused in a sentence, wherever it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import (
    CompositeSolidDefinition,
    DagsterInvalidDefinitionError,
    DependencyDefinition,
    ExecutorDefinition,
    HookDefinition,
    In,
    InputDefinition,
    ModeDefinition,
    Out,
    OutputDefinition,
    PipelineDefinition,
    PresetDefinition,
    ResourceDefinition,
    SolidDefinition,
    composite_solid,
    in_process_executor,
    mem_intermediate_storage,
    op,
    solid,
)


def _compute(context: Any, value: Any) -> Any:
    return value


def _made(kind: str, **given: Any) -> Any:
    makers: dict[str, Callable[..., Any]] = {
        "@solid": lambda **given: solid(**given)(_compute),
        "solid": lambda **given: SolidDefinition("by_hand", given.pop("input_defs", []), lambda _, __: 1, **given),
        "@composite_solid": lambda **given: composite_solid("placed", **given)(lambda value: _inner(value)),
        "composite": lambda **given: CompositeSolidDefinition("by_hand", [], **given),
        "pipeline": lambda **given: PipelineDefinition([], "by_hand", **given),
        "mode": ModeDefinition,
    }
    return makers[kind](**given)


@solid
def _inner(value: Any) -> Any:
    return value


LISTS = [
    ("@solid", "input_defs", InputDefinition("value")),
    ("@solid", "output_defs", OutputDefinition(int)),
    ("solid", "input_defs", InputDefinition("value")),
    ("solid", "output_defs", OutputDefinition(int)),
    ("@composite_solid", "input_defs", InputDefinition("value")),
    ("@composite_solid", "output_defs", OutputDefinition(int)),
    ("pipeline", "mode_defs", ModeDefinition("local")),
    ("pipeline", "preset_defs", PresetDefinition("small", {})),
    ("mode", "executor_defs", in_process_executor),
    ("mode", "intermediate_storage_defs", mem_intermediate_storage),
]
DICTS = [("mode", "resource_defs"), ("mode", "logger_defs"), ("@solid", "tags"), ("pipeline", "tags")]


@pytest.mark.parametrize(("kind", "argument", "item"), LISTS)
def test_one_that_is_not_in_a_list_says_so(kind: str, argument: str, item: Any) -> None:
    what = type(item).__name__
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^{argument} of .* must be a list of {what}"):
        _made(kind, **{argument: item})
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^{argument} of .* must be a list of .*; it is an int"):
        _made(kind, **{argument: 1})


@pytest.mark.parametrize(("kind", "argument", "item"), LISTS)
@pytest.mark.parametrize(
    ("other", "shown"), [("value", "a str"), (int, "the class int"), ({"password": "hunter2"}, "a dict")]
)
def test_what_is_something_else_in_a_list_says_so(kind: str, argument: str, item: Any, other: Any, shown: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^{argument} of .* holds {shown}, which is") as told:
        _made(kind, **{argument: [other]})
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(("kind", "argument"), DICTS)
def test_what_is_no_dict_says_so(kind: str, argument: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=rf"{argument} of .* must be a dict.*a list"):
        _made(kind, **{argument: ["a"]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ins": [In(int)]}, "ins of an op must be a dict by name; it is a list"),
        ({"ins": {"value": int}}, r"Input 'value' in ins of an op is the class int; write In\(...\)"),
        ({"out": int}, "out of an op must be an Out or a dict of them; it is the class int"),
        ({"out": [Out(int)]}, "out of an op must be an Out or a dict of them; it is a list"),
    ],
)
def test_inputs_and_outputs_of_an_op_that_are_none_say_so(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^{said}"):
        op(**given)(_compute)


@pytest.mark.parametrize(
    ("dependencies", "said"),
    [
        (["_inner"], "dependencies of pipeline 'by_hand' must be a dict; it is a list"),
        (
            {"_inner": DependencyDefinition("a")},
            "dependencies of .* holds a DependencyDefinition for '_inner', which is not a dict",
        ),
        ({"_inner": {"value": "a"}}, "Input 'value' of solid '_inner' .* is fed by a str; write DependencyDefinition"),
        ({"_inner": {"value": _inner}}, "Input 'value' of solid '_inner' .* is fed by a SolidDefinition; write"),
    ],
)
def test_dependencies_that_are_none_say_so(dependencies: Any, said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^{said}"):
        PipelineDefinition([_inner], "by_hand", dependencies=dependencies)
    with pytest.raises(
        DagsterInvalidDefinitionError,
        match=r"solid_defs of .* must be a list of NodeDefinition; it is a Solid",
    ):
        PipelineDefinition(_inner, "by_hand")  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [3, [3], {"db", 3}, ["db", object()]])
@pytest.mark.parametrize(
    "make",
    [
        lambda keys: solid("taking", required_resource_keys=keys)(_compute),
        lambda keys: ResourceDefinition(lambda _: 1, required_resource_keys=keys),
        lambda keys: ExecutorDefinition("taking", required_resource_keys=keys),
        lambda keys: HookDefinition(name="taking", hook_fn=lambda context, events: None, required_resource_keys=keys),
    ],
)
def test_resource_keys_that_are_no_names_say_so(make: Any, keys: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=r"^required_resource_keys of .* (must be a set|holds a)"):
        make(keys)
