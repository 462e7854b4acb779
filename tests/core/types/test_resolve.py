"""What each way to write a type stands for, and which values are of it."""

import collections.abc
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Generic, NewType, Protocol, TypedDict, TypeVar

import pytest

import core
from core import builtins
from core.errors import DagsterInvalidDefinitionError
from core.types import (
    ANY,
    NOTHING,
    DagsterType,
    PythonObjectDagsterType,
    dagster_type,
    make_python_type_usable_as_dagster_type,
    resolve_dagster_type,
    usable_as_dagster_type,
)

T = TypeVar("T")


class Animal:
    pass


class Duck(Animal):
    pass


class Box(Generic[T]):
    pass


class Point(TypedDict):
    x: int


class Quacks(Protocol):
    def quack(self) -> str: ...


@typing.runtime_checkable
class HasLength(Protocol):
    def __len__(self) -> int: ...


UserId = NewType("UserId", int)


class Opaque:
    """Of no built-in type."""


OPAQUE = Opaque()
# (ways to write it, name, values of the type, values that are not)
Spelling = tuple[list[Any], str, list[Any], list[Any]]
SPELLINGS: list[Spelling] = [
    ([Any, object, None, builtins.Any, ANY], "Any", [None, 1, OPAQUE], []),
    ([bool, builtins.Bool], "Bool", [True, False], [1, 0, "true", None]),
    ([int, builtins.Int, UserId, Annotated[int, "meters"]], "Int", [1, -(2**80)], [True, 1.0, "1", None]),
    ([float, builtins.Float], "Float", [1.0, float("nan")], [1, True, "1.0"]),
    ([str, builtins.String], "String", ["", "a"], [b"a", 1, None]),
    ([type(None), builtins.Nothing, NOTHING], "Nothing", [None], [0, "", OPAQUE]),
    ([list, typing.List, core.List, list[Any], typing.List[Any]], "List[Any]", [[], [1, "a"]], [(), {}, "ab", None]),  # noqa: UP006
    ([set, typing.Set, core.Set, set[Any]], "Set[Any]", [set(), {1, "a"}], [[], frozenset(), None]),  # noqa: UP006
    ([tuple, typing.Tuple, core.Tuple, tuple[Any, ...]], "Tuple[Any]", [(), (1, "a")], [[], None]),  # noqa: UP006
    ([dict, typing.Dict, core.Dict, dict[Any, Any]], "Dict[Any, Any]", [{}, {1: 2}], [[], None]),  # noqa: UP006
    ([list[int], typing.List[int], core.List[int]], "List[Int]", [[], [1, 2]], [[True], [1, "2"], (1,), None]),  # noqa: UP006
    ([set[str], typing.Set[str], core.Set[str]], "Set[String]", [set(), {"a"}], [{1}, ["a"]]),  # noqa: UP006
    ([tuple[int, str], core.Tuple[int, str]], "Tuple[Int, String]", [(1, "a")], [(1,), (1, 2), ("a", 1), [1, "a"], ()]),
    ([tuple[int, ...], typing.Tuple[int, ...]], "Tuple[Int]", [(), (1, 2, 3)], [(1, "a"), [1]]),  # noqa: UP006
    ([dict[str, int], core.Dict[str, int]], "Dict[String, Int]", [{}, {"a": 1}], [{1: 1}, {"a": "1"}, {"a": True}]),
    (
        [int | None, None | int, typing.Optional[int], typing.Union[int, None], core.Optional[int]],  # noqa: UP007, UP045
        "Optional[Int]",
        [None, 1],
        ["1", True, 1.0],
    ),
    ([list[int | None]], "List[Optional[Int]]", [[1, None]], [["a"]]),
    (
        [core.List[core.Optional[core.Dict[str, int]]]],
        "List[Optional[Dict[String, Int]]]",
        [[None, {"a": 1}]],
        [[{"a": ""}]],
    ),
    ([Animal], "Animal", [Animal(), Duck()], [Animal, OPAQUE, None]),
    ([Animal | None], "Optional[Animal]", [None, Duck()], [1]),
    ([Box, Box[int]], "Box", [Box()], [OPAQUE]),
    ([type, type[int]], "type", [int, Animal], [1]),
    ([frozenset[int]], "frozenset", [frozenset({1})], [{1}]),
    ([collections.abc.Sequence, collections.abc.Sequence[int]], "Sequence", [[1], (1,), "ab"], [{1}, 1]),
    ([collections.abc.Mapping[str, int]], "Mapping", [{}], [[]]),
    ([collections.abc.Callable[[int], int]], "Callable", [print, lambda: 1], [1]),
    ([Iterator[int]], "Iterator", [iter([])], [[]]),
    ([typing.Literal["a", "b"]], "Any", ["a", 1], []),
    ([Point], "Point", [{"x": 1}], [OPAQUE, []]),
    ([Quacks], "Quacks", [OPAQUE, 1], []),
    ([HasLength], "HasLength", ["", []], [1]),
]


@pytest.mark.parametrize(("ways", "name", "of_it", "not_of_it"), SPELLINGS, ids=[each[1] for each in SPELLINGS])
def test_every_way_to_write_a_type(ways: list[Any], name: str, of_it: list[Any], not_of_it: list[Any]) -> None:
    for way in ways:
        found = resolve_dagster_type(way)
        assert found.display_name == name
        assert [value for value in of_it if not found.type_check(None, value).success] == []
        assert [value for value in not_of_it if found.type_check(None, value).success] == []


@pytest.mark.parametrize(
    ("way", "of_it", "not_of_it"),
    [
        (int | str, [1, "a"], [True, None, 1.0]),
        (typing.Union[int, list[str]], [1, ["a"]], [[1], "a"]),  # noqa: UP007
        (int | str | None, [1, "a", None], [1.0]),
    ],
)
def test_unions(way: Any, of_it: list[Any], not_of_it: list[Any]) -> None:
    found = resolve_dagster_type(way)
    assert all(found.type_check(None, value).success for value in of_it)
    assert not any(found.type_check(None, value).success for value in not_of_it)


@pytest.mark.parametrize("bad", ["int", 3, 3.5, [int], {"a": int}, T, typing.Final, print])
def test_what_stands_for_no_type(bad: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="is not a type"):
        resolve_dagster_type(bad)


def test_only_nothing_is_nothing() -> None:
    assert resolve_dagster_type(builtins.Nothing).is_nothing
    assert not any(resolve_dagster_type(way).is_nothing for way in (None, Any, int, int | None))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_type, "_registered", {})


@pytest.mark.usefixtures("registry")
def test_registered_classes() -> None:
    @usable_as_dagster_type
    class Plain:
        pass

    @usable_as_dagster_type(name="Fancy", description="a fancy one")
    class Named(Generic[T]):
        pass

    assert resolve_dagster_type(Plain).display_name == "Plain"
    assert resolve_dagster_type(list[Named[int] | None]).display_name == "List[Optional[Fancy]]"
    assert resolve_dagster_type(Named).description == "a fancy one"
    assert resolve_dagster_type(Named).type_check(None, Named()).success


@pytest.mark.usefixtures("registry")
def test_a_class_can_stand_for_a_type_with_a_check_of_its_own() -> None:
    loud = DagsterType(lambda _context, value: isinstance(value, Duck) and value is not OPAQUE, "LoudDuck")
    make_python_type_usable_as_dagster_type(Duck, loud)
    assert resolve_dagster_type(Duck) is loud
    assert resolve_dagster_type(Animal).display_name == "Animal"


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("python_type", "given", "name"),
    [
        (Animal, builtins.String, "String"),
        (NewType("Name", str), builtins.Int, "Int"),
        (Animal, float, "Float"),
        (Animal, list[int], "List[Int]"),
        (Animal, core.Optional[str], "Optional[String]"),
        (Animal, Duck, "Duck"),
        (dict[str, Any], DagsterType(lambda _context, _value: True, "Json"), "Json"),
        (int, DagsterType(lambda _context, _value: True, "Count"), "Count"),
        (int | str, builtins.String, "String"),
        (typing.List[int], builtins.String, "String"),  # noqa: UP006
    ],
)
def test_a_python_type_stands_for_what_it_is_told_to(python_type: Any, given: Any, name: str) -> None:
    make_python_type_usable_as_dagster_type(python_type, given)
    assert resolve_dagster_type(python_type).display_name == name
    assert resolve_dagster_type(set[python_type]).display_name == f"Set[{name}]"
    assert resolve_dagster_type(builtins.Int).display_name == "Int"


@pytest.mark.parametrize(("python_type", "given"), [("Name", int), (3, int), (Animal, "Int"), (Animal, 3)])
def test_what_cannot_stand_for_a_type(python_type: Any, given: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=r"is not a (Python )?type"):
        make_python_type_usable_as_dagster_type(python_type, given)


def test_a_dagster_type_stands_for_itself() -> None:
    own = PythonObjectDagsterType((Animal, Box), description="either")
    assert resolve_dagster_type(own) is own
    assert own.display_name == "Animal or Box"
    assert own.type_check(None, Box()).success
    assert PythonObjectDagsterType(Animal, "Beast").display_name == "Beast"
