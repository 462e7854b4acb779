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


@solid
def one() -> int:
    return 1


@solid
def add(number: int) -> int:
    return number + 1


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
    asked = r"numbers' asks for 'a' in output 'result' of solid 'one'.*in a solid that takes it"
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
