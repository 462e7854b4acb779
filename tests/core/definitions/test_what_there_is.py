"""What definitions say of what they have, by the names that the API gives these questions."""

from __future__ import annotations

import pytest

from core import (
    DagsterInvariantViolationError,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    composite_solid,
    lambda_solid,
    pipeline,
    solid,
)


@lambda_solid
def one() -> int:
    return 1


@solid(
    input_defs=[InputDefinition("number", int)],
    output_defs=[OutputDefinition(int, "twice"), OutputDefinition(int, "thrice")],
)
def multiples(_: object, number: int) -> None: ...


@composite_solid
def inside() -> None:
    multiples.alias("inner")(one.alias("innermost")())


@pipeline(mode_defs=[ModeDefinition("small"), ModeDefinition("large")])
def counting() -> None:
    inside()
    multiples(one())
    multiples.alias("again")(one.alias("another")())


def test_the_modes_of_a_pipeline_in_order() -> None:
    assert counting.available_modes == ["small", "large"]
    assert counting.mode_definitions == [counting.get_mode_definition(each) for each in ("small", "large")]


def test_the_definitions_in_a_pipeline_each_once_however_deep() -> None:
    assert sorted(each.name for each in counting.all_solid_defs) == ["inside", "multiples", "one"]
    assert counting.solid_def_named("multiples") is multiples
    with pytest.raises(DagsterInvariantViolationError, match=r"^Pipeline 'counting': unknown solid definition 'inner'"):
        counting.solid_def_named("inner")


def test_the_inputs_and_outputs_of_a_solid_by_name() -> None:
    assert (multiples.has_input("number"), multiples.has_input("twice")) == (True, False)
    assert (multiples.has_output("twice"), multiples.has_output("result")) == (True, False)
    assert multiples.input_def_named("number") is multiples.input_defs[0]
    assert multiples.output_def_named("thrice") is multiples.output_defs[1]
    with pytest.raises(DagsterInvariantViolationError, match=r"^Solid 'multiples': unknown input 'numbr'; did you"):
        multiples.input_def_named("numbr")
    with pytest.raises(DagsterInvariantViolationError, match=r"^Solid 'multiples': unknown output 'result'"):
        multiples.output_def_named("result")
