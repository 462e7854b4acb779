"""What each config type takes, what it makes of it, and what it says of the rest."""

import enum
from typing import Any

import pytest

import core
from cloudstore.client.option_types import BUCKET
from core import builtins
from core.config import (
    Array,
    BoolSource,
    Enum,
    EnumValue,
    Field,
    IntSource,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    Shape,
    StringSource,
    resolve_config,
)
from core.errors import DagsterInvalidConfigDefinitionError, DagsterInvalidConfigError


class Color(enum.Enum):
    RED = 1
    BLUE = 2


UNION = ScalarUnion(int, {"start": int})

TAKEN: list[tuple[Any, Any, Any]] = [
    (bool, True, True),
    (int, 3, 3),
    (int, -(2**70), -(2**70)),
    (float, 1.5, 1.5),
    (float, 2, 2.0),
    (str, "", ""),
    (str, "ünïcode 🦆\0", "ünïcode 🦆\0"),
    (builtins.Bool, False, False),
    (builtins.Int, 3, 3),
    (builtins.Float, 3.5, 3.5),
    (builtins.String, "a", "a"),
    (builtins.Any, None, None),
    (Any, {"x": [1]}, {"x": [1]}),
    (object, 3, 3),
    (dict, {"x": {"y": 1}}, {"x": {"y": 1}}),
    (dict, None, {}),
    (list, [1, "a", None], [1, "a", None]),
    ([int], [1, 2], [1, 2]),
    ([int], (1, 2), [1, 2]),
    ([int], [], []),
    (Array(str), ["a"], ["a"]),
    ({"a": int}, {"a": 1}, {"a": 1}),
    ({"a": Field(int, default_value=7)}, None, {"a": 7}),
    ({}, {}, {}),
    (Permissive(), {"any": 1}, {"any": 1}),
    (Permissive({"a": Field(int, default_value=7)}), {"b": 2}, {"a": 7, "b": 2}),
    (Selector({"a": int, "b": str}), {"b": "x"}, {"b": "x"}),
    (Selector({"only": Field(int, default_value=7)}), {}, {"only": 7}),
    (Selector({"a": Field(int, default_value=7), "b": str}), {"a": None}, {"a": 7}),
    (Noneable(int), None, None),
    (Noneable(int), 1, 1),
    (Noneable([{"a": int}]), [{"a": 1}], [{"a": 1}]),
    (UNION, 4, 4),
    (UNION, {"start": 4}, {"start": 4}),
    (Enum("E", [EnumValue("a"), EnumValue("b", 5)]), "a", "a"),
    (Enum("E", [EnumValue("a"), EnumValue("b", 5)]), "b", 5),
    (Enum.from_python_enum(Color), "RED", Color.RED),
    (StringSource, "text", "text"),
    (IntSource, 3, 3),
    (BoolSource, True, True),
]

ONLY_SOURCES = "; only fields of StringSource, IntSource and BoolSource take {env: NAME}"
REFUSED: list[tuple[Any, Any, str]] = [
    (bool, 1, "expected Bool, got 1 (int)"),
    (bool, "true", "expected Bool, got 'true' (str)"),
    (int, True, "expected Int, got True (bool)"),
    (int, 1.0, "expected Int, got 1.0 (float)"),
    (int, "1", "expected Int, got '1' (str)"),
    (int, None, "expected Int, got None (NoneType)"),
    (float, True, "expected Float, got True (bool)"),
    (float, 10**400, "expected Float, got an int of 1329 bits"),
    (str, 1, "expected String, got 1 (int)"),
    (str, b"a", "expected String, got b'a' (bytes)"),
    (dict, [], "expected a mapping with any keys, got 0 items (list)"),
    ([int], "abc", "expected a list of Int, got 'abc' (str)"),
    ([int], {"a": 1}, "expected a list of Int, got {a: …} (dict)"),
    ([int], None, "expected a list of Int, got None (NoneType)"),
    ({"b": int, "a": int}, 5, "expected a mapping with keys a, b, got 5 (int)"),
    ({}, "x", "expected a mapping with no keys, got 'x' (str)"),
    (Selector({"a": int, "b": str}), {}, "expected exactly one of a, b, got none"),
    (Selector({"a": int, "b": str}), None, "expected exactly one of a, b, got none"),
    (Selector({"a": int, "b": str}), {"a": 1, "b": ""}, "expected exactly one of a, b, got a, b"),
    (Selector({"a": int, "b": str}), {1: 1, "b": ""}, "expected exactly one of a, b, got 1, b"),
    (Noneable(int), "x", "expected Int, got 'x' (str)"),
    (UNION, None, "expected Int, got None (NoneType)"),
    (Enum("E", [EnumValue("a"), EnumValue("b")]), "c", "expected one of a, b, got 'c' (str)"),
    (Enum("E", [EnumValue("a"), EnumValue("b")]), ["a"], "expected one of a, b, got 1 item (list)"),
    (Enum.from_python_enum(Color), Color.RED, "expected one of RED, BLUE, got <Color.RED: 1> (Color)"),
    (str, {"env": "A"}, f"expected String, got {{env: …}} (dict){ONLY_SOURCES}"),
    (bool, {"env": "A"}, f"expected Bool, got {{env: …}} (dict){ONLY_SOURCES}"),
    (str, {"env": "A", "b": 1}, "expected String, got {env: …, b: …} (dict)"),
    (StringSource, 1, "expected StringSource or {env: NAME}, got 1 (int)"),
    (IntSource, True, "expected IntSource or {env: NAME}, got True (bool)"),
    (BoolSource, 1, "expected BoolSource or {env: NAME}, got 1 (int)"),
]


@pytest.mark.parametrize(("schema", "given", "resolved"), TAKEN)
def test_takes_and_resolves(schema: Any, given: Any, resolved: Any) -> None:
    answer = resolve_config(schema, given, "config")
    assert answer == resolved
    assert type(answer) is type(resolved)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (int, "missing required config of type Int"),
        ([int], "missing required config of type list of Int"),
        ([Noneable(int)], "missing required config of type list of (Int or null)"),
        (Selector({"a": int, "b": str}), "missing required config, exactly one of a, b"),
        (BUCKET, "missing required config, the name of a bucket alone, such as my-bucket, or the"),
    ],
)
def test_what_is_missing_is_said_by_its_type_or_in_words(schema: Any, message: str) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config({"x": schema}, {}, "config")
    [fault] = caught.value.errors
    assert str(fault).startswith(f"x: {message}")


def test_what_is_shown_of_a_value_is_one_line() -> None:
    class Table:
        def __repr__(self) -> str:
            return "   a\n0  1\n"

    with pytest.raises(DagsterInvalidConfigError, match=r"expected Int, got a 0 1 \(Table\)$"):
        resolve_config(int, Table(), "config")
    with pytest.raises(DagsterInvalidConfigError, match=r"expected Int, got 'a  b' \(str\)$"):
        resolve_config(int, "a  b", "config")


@pytest.mark.parametrize(("schema", "given", "message"), REFUSED)
def test_refuses_with_one_fault(schema: Any, given: Any, message: str) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config(schema, given, "config")
    assert [(fault.path, fault.message) for fault in caught.value.errors] == [((), message)]
    assert str(caught.value) == f"Invalid config, 1 error:\n  (top level): {message}"
    assert caught.value.config_value is given


@pytest.mark.parametrize(
    "bad", [int | str, complex, [int, str], [], 5, "str", Noneable, builtins.Nothing, {"a": tuple}]
)
def test_what_is_no_config_type_is_refused_where_it_is_written(bad: Any) -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError, match="is not a config type"):
        Field(bad)


def test_field_names_are_strings() -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError, match="names must be strings"):
        Shape({1: int})


def test_every_name_in_all_is_there() -> None:
    assert [name for name in core.config.__all__ if not hasattr(core.config, name)] == []
