"""What is asked of outputs in the body of a pipeline, where their values are not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import (
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    OutputDefinition,
    composite_solid,
    pipeline,
    solid,
)
from core.experimental import DynamicOutputDefinition


@solid
def one() -> int:
    return 1


@solid
def add(number: int) -> int:
    return number + 1


@solid(output_defs=[DynamicOutputDefinition(int)])
def several() -> Any:
    raise NotImplementedError


@solid(output_defs=[OutputDefinition(int, "a"), OutputDefinition(int, "b")])
def two() -> Any:
    raise NotImplementedError


def _refused(body: Callable[[], Any], error: type[Exception], said: str) -> None:
    for decorate in (pipeline(name="numbers"), composite_solid(name="numbers")):
        with pytest.raises(error, match=said):
            decorate(body)


@pytest.mark.parametrize(
    ("method", "given"), [("alias", "x"), ("tag", {}), ("with_hooks", set()), ("with_retry_policy", None)]
)
@pytest.mark.parametrize("called", [one, two])
def test_what_belongs_before_a_call_says_so_behind_it(called: Any, method: str, given: Any) -> None:
    said = rf"^{method}\(\) .* solid '{called.name}' .* before the call: {called.name}\.{method}\(\.\.\.\)\(\.\.\.\)\.$"
    _refused(lambda: getattr(called(), method)(given), DagsterInvariantViolationError, said)


def test_a_value_is_asked_for_nothing_in_a_body() -> None:
    asked = r"numbers' asks for an item of output 'result' of solid 'one'.*in a solid that takes it"
    _refused(lambda: add(one()["a"]), DagsterInvariantViolationError, asked)
    _refused(lambda: add(one().real), AttributeError, "output 'result' of solid 'one' has no 'real' in the body of")


@pytest.mark.parametrize("method", ["map", "collect"])
def test_an_output_that_is_not_dynamic_says_how_to_make_it_so(method: str) -> None:
    _refused(lambda: getattr(one(), method)(add), DagsterInvalidDefinitionError, "not dynamic.*DynamicOutputDefinition")


def test_a_solid_that_is_not_called_says_so() -> None:
    _refused(lambda: add(one), DagsterInvalidDefinitionError, r"was given solid 'one' itself; call it: one\(\.\.\.\)\.")


def test_a_pipeline_is_not_called() -> None:
    @pipeline
    def numbers() -> None:
        one()

    with pytest.raises(DagsterInvariantViolationError, match=r"'numbers' was called\. .*execute_pipeline\(numbers\)"):
        numbers()
    _refused(numbers, DagsterInvariantViolationError, "'numbers' was called.* @composite_solid or @graph")


def test_several_outputs_are_taken_by_their_place_as_well() -> None:
    @pipeline
    def numbers() -> None:
        both = two()
        assert len(both) == 2
        assert repr(both[1]) == "<output 'b' of solid 'two' in the body of pipeline 'numbers'>"
        add(both[-1])

    assert [str(each.output) for each in numbers.nodes.by_name["add"].upstream()] == ["b"]


ASKED: dict[str, Callable[[Any], Any]] = {
    "+": lambda value: value + 1,
    "+ of it": lambda value: 1 + value,
    "-": lambda value: value - 1,
    "*": lambda value: 2 * value,
    "/": lambda value: value / 2,
    "**": lambda value: value**2,
    "%": lambda value: value % 2,
    "|": lambda value: value | 1,
    "negative": lambda value: -value,
    "abs": abs,
    "round": round,
    "int": int,
    "float": float,
    "index": lambda value: [1, 2][value],
    "item": lambda value: value[0],
    "slice": lambda value: value[1:],
    "in": lambda value: 1 in value,
    "iteration": list,
    "unpacking": lambda value: (lambda a, b: a)(*value),
    "sum": sum,
    "sorted": sorted,
    "len": len,
    "call": lambda value: value(),
    "<": lambda value: value < 1,
    ">=": lambda value: value >= 1,
    "==": lambda value: value == 1,
    "!=": lambda value: value != 1,
    "if": lambda value: 1 if value else 2,
    "and": lambda value: value and 1,
    "not": lambda value: not value,
    "f-string": lambda value: f"{value}",
    "format": lambda value: f"{value:>4}",
    "range": range,
    "with": lambda value: value.__enter__(),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("of", ["output", "dynamic output", "input"])
def test_whatever_asks_for_a_value_is_refused_with_its_place(name: str, of: str) -> None:
    def asks() -> None:
        ASKED[name](several() if of == "dynamic output" else one())

    def asks_its_input(number: Any) -> None:
        add(number)
        ASKED[name](number)

    which = {"output": "output 'result' of solid 'one'", "dynamic output": "output 'result' of solid 'several'"}
    decorated = [composite_solid(name="numbers")] + ([] if of == "input" else [pipeline(name="numbers")])
    for decorate in decorated:
        with pytest.raises(DagsterInvariantViolationError) as told:
            decorate(asks_its_input if of == "input" else asks)
        message = str(told.value)
        assert which.get(of, "its input 'number'") in message
        assert "numbers'" in message
        assert f"{__file__}:" in message
        assert "only says which solid feeds which" in message


TAKEN_APART = {"iteration", "unpacking", "sum", "sorted", "len", "item", "slice", "in", "if", "and", "not"}


@pytest.mark.parametrize("name", sorted(ASKED.keys() - TAKEN_APART))
def test_several_outputs_are_refused_likewise_but_for_taking_one_of_them(name: str) -> None:
    _refused(lambda: ASKED[name](two()), DagsterInvariantViolationError, "the outputs of solid 'two', at .*py:")


def test_an_attribute_of_a_value_is_told_with_its_place() -> None:
    _refused(lambda: one().real, AttributeError, r"no 'real' in the body of .*test_mistakes_in_bodies\.py:\d+, where")
