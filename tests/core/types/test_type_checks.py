"""Checks: what they answer, what they say, and what they do when they raise."""

from typing import Any

import pytest

from core import (
    InputDefinition,
    ModeDefinition,
    SolidExecutionContext,
    build_solid_context,
    execute_solid,
    solid,
)
from core.errors import DagsterInvalidDefinitionError, DagsterTypeCheckError, DagsterUnknownResourceError
from core.events import EventMetadataEntry, TypeCheck
from core.execution.context.compute import AbstractComputeExecutionContext
from core.types import DagsterType, TypeCheckContext, check_dagster_type, resolve_dagster_type


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (int, True, "expected a value of type Int, got True (bool)"),
        (int | None, "x", "expected a value of type Int, got 'x' (str)"),
        (list[int], "x", "expected a List, got a str"),
        (list[int], [1, 2, "x"], "item 2 of the List: expected a value of type Int, got 'x' (str)"),
        (set[int], {"x"}, "item 0 of the Set: expected a value of type Int, got 'x' (str)"),
        (
            list[list[int | None]],
            [[1], [None, "x"]],
            "item 1 of the List: item 1 of the List: expected a value of type Int, got 'x' (str)",
        ),
        (tuple[int, str], (1, 2), "item 1 of the tuple: expected a value of type String, got 2 (int)"),
        (tuple[int, str], (1,), "expected a tuple of 2 items, got 1 item (tuple)"),
        (tuple[int, ...], (1, "x"), "item 1 of the Tuple: expected a value of type Int, got 'x' (str)"),
        (dict[str, int], {"a": 1, "b": "x"}, "the value of key 'b' (str): expected a value of type Int, got 'x' (str)"),
        (dict[str, int], {"a": 1, 2: 1}, "item 1 of the keys: expected a value of type String, got 2 (int)"),
        (dict[str, int], [], "expected a Dict, got a list"),
        (int | str, 1.5, "expected a value of type int | str, got 1.5 (float)"),
        (
            dict[str, list[int]],
            {"a": [1, "x"]},
            "the value of key 'a' (str): item 1 of the List: expected a value of type Int, got 'x' (str)",
        ),
    ],
)
def test_a_failure_names_the_place(way: Any, value: Any, said: str) -> None:
    answer = resolve_dagster_type(way).type_check(None, value)
    assert not answer.success
    assert answer.description == said


def test_a_check_gets_the_context_also_inside_a_container() -> None:
    seen: list[tuple[object, object]] = []

    def check(context: object, value: object) -> bool:
        seen.append((context, value))
        return True

    context = object()
    inner = DagsterType(check, "Inner")
    for way, value in ((list, [1]), (dict, {"k": 2})):
        of = way[inner] if way is list else dict[str, inner]  # type: ignore[valid-type]
        assert resolve_dagster_type(of).type_check(context, value).success
    assert resolve_dagster_type(tuple[inner, int]).type_check(context, (3, 4)).success  # type: ignore[valid-type]
    assert seen == [(context, 1), (context, 2), (context, 3)]


def test_an_answer_with_description_and_metadata_is_passed_on() -> None:
    answer = TypeCheck(False, "too short", (EventMetadataEntry.int(3, "rows"),))
    assert DagsterType(lambda _context, _value: answer, "Rows").type_check(None, []) is answer


def test_a_success_says_nothing() -> None:
    assert resolve_dagster_type(int).type_check(None, 1) == TypeCheck(True)


def test_a_check_that_raises() -> None:
    def check(_context: object, value: Any) -> bool:
        return bool(value.missing)

    with pytest.raises(DagsterTypeCheckError, match="The type check of Frame raised: AttributeError") as caught:
        DagsterType(check, "Frame").type_check(None, 1)
    assert isinstance(caught.value.user_exception, AttributeError)


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_a_check_that_answers_something_else(answer: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="must return True, False or a TypeCheck; it returned"):
        DagsterType(lambda _context, _value: answer, "Odd").type_check(None, 1)


def test_a_check_is_a_function() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="type_check_fn of type 'Odd' must be a function"):
        DagsterType(True, "Odd")  # type: ignore[arg-type]


def test_a_value_is_checked_outside_a_run() -> None:
    def check(context: Any, value: object) -> TypeCheck:
        context.log.info("seen %s", value)
        assert context.run_id is None
        return TypeCheck(value == 1, "not one", metadata={"seen": 1})

    own = DagsterType(check, "One")
    assert check_dagster_type(own, 1).success
    failed = check_dagster_type(own, 2)
    assert (failed.success, failed.description, failed.metadata_entries[0].label) == (False, "not one", "seen")
    assert check_dagster_type(list[own], [1, 1]).success  # type: ignore[valid-type]
    assert check_dagster_type(int, "x").description == "expected a value of type Int, got 'x' (str)"
    with pytest.raises(DagsterInvalidDefinitionError, match="'Int' is not a type"):
        check_dagster_type("Int", 1)


def test_a_check_outside_a_run_has_no_resources() -> None:
    needing = DagsterType(lambda context, _: context.resources.db.is_up, "Needing", required_resource_keys={"db"})
    with pytest.raises(DagsterUnknownResourceError, match="Unknown resource 'db'"):
        check_dagster_type(needing, 1)
    assert TypeCheckContext("run", None, lambda: {"db": 1}).resources == {"db": 1}


def test_a_check_gets_a_type_check_context_in_a_run_and_in_a_call() -> None:
    seen: list[tuple[bool, Any]] = []

    def check(context: TypeCheckContext, _value: object) -> bool:
        context.log.debug("checked")
        seen.append((isinstance(context, TypeCheckContext), context.resources.store))
        return True

    checked = DagsterType(check, "Checked")

    @solid(input_defs=[InputDefinition("x", checked)], required_resource_keys={"store"})
    def takes(context: SolidExecutionContext, x: object) -> None:
        assert isinstance(context, AbstractComputeExecutionContext)

    execute_solid(takes, ModeDefinition(resource_defs={"store": 1}), input_values={"x": 0})
    takes(build_solid_context(resources={"store": 1}), 0)
    assert seen == [(True, 1)] * 2
