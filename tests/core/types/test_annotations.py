"""Each annotation of a solid counts by itself: what only a type checker can evaluate costs the others nothing."""

from __future__ import annotations

import functools
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, List, Literal, Optional, TypeVar, Union  # noqa: UP035

import pytest

from core import InputDefinition, Int, OutputDefinition, solid
from core.definitions.solid import SolidDefinition

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

with suppress(ImportError):
    import a_library_that_is_not_there as absent  # type: ignore[import-not-found]

N = TypeVar("N", bound=int)
NOT_A_TYPE = 3


class Local:
    """A class of this module."""


def types_of(definition: SolidDefinition) -> dict[str, str]:
    named = {each.name: each.dagster_type.display_name for each in definition.input_defs}
    return named | {each.name: each.dagster_type.display_name for each in definition.output_defs}


def test_a_name_for_type_checkers_leaves_the_other_types() -> None:
    with pytest.warns(UserWarning, match="cannot be evaluated when the program runs") as told:

        @solid
        def join(_, left: pd.DataFrame, count: int, names: list[str], key: Hashable = "x") -> dict[str, int]:
            return {}

    assert types_of(join) == {
        "left": "Any",
        "count": "Int",
        "names": "List[String]",
        "key": "Any",
        "result": "Dict[String, Int]",
    }
    said = [str(each.message) for each in told]
    assert len(said) == 2
    assert said[0] == (
        "Solid 'join': the annotation 'pd.DataFrame' of input 'left' cannot be evaluated when the program runs (the "
        "name 'pd' is not defined), so what is not known of it takes any value. Import the name outside of `if "
        "TYPE_CHECKING`, or write input_defs=[InputDefinition('left', TYPE)]."
    )
    assert "'Hashable' of input 'key'" in said[1]
    assert {each.filename for each in told} == {__file__}


def test_what_is_known_of_an_annotation_holds() -> None:
    with pytest.warns(UserWarning, match="is not defined"):

        @solid
        def join(
            a: pd.DataFrame | None,
            b: list[pd.DataFrame],
            c: Optional[pd.DataFrame],  # noqa: UP045
            d: dict[str, list[pd.DataFrame]],
            e: absent.Thing,
            f: pd.Series[int],
            g: tuple[int, pd.DataFrame],
        ) -> Union[int, pd.DataFrame]:  # noqa: UP007
            return 1

    found = types_of(join)
    assert {name: found[name] for name in "abcdefg"} == {
        "a": "Optional[Any]",
        "b": "List[Any]",
        "c": "Optional[Any]",
        "d": "Dict[String, List[Any]]",
        "e": "Any",
        "f": "Any",
        "g": "Tuple[Int, Any]",
    }
    assert join.output_defs[0].dagster_type.type_check(None, "x").success


def test_text_inside_an_annotation_is_evaluated_too() -> None:
    @solid
    def join(
        a: "int",  # noqa: UP037  as users write it
        b: "list[Local]",  # noqa: UP037
        c: list["Local"],  # noqa: UP037
        d: "Local" | None,  # noqa: UP037  which Python itself cannot add
        e: Annotated["int", "metres"],  # noqa: UP037
        f: Literal["no name"],
        g: N,
        h: None,
        i: Any,
    ) -> "Optional[Local]":  # noqa: UP037, UP045
        return None

    assert types_of(join) == {
        "a": "Int",
        "b": "List[Local]",
        "c": "List[Local]",
        "d": "Optional[Local]",
        "e": "Int",
        "f": "Any",
        "g": "Int",
        "h": "Any",
        "i": "Any",
        "result": "Optional[Local]",
    }


def test_forward_references_in_brackets_of_typing() -> None:
    def join(a, b, c):  # type: ignore[no-untyped-def]
        return 1

    join.__annotations__ = {
        "a": List["Local"],  # noqa: UP006
        "b": Optional["int"],
        "c": Union["Local", "int", None],
        "return": "int",
    }
    found = solid(join)
    assert types_of(found)["a"] == "List[Local]"
    assert types_of(found)["b"] == "Optional[Int]"
    union = found.input_dict["c"].dagster_type
    assert [union.type_check(None, each).success for each in (Local(), 1, None, "x")] == [True, True, True, False]


def test_names_of_the_function_that_defines_the_solid() -> None:
    class Inner:
        pass

    @solid
    def make(a: Inner, b: list[Inner]) -> Inner:
        return a

    assert types_of(make) == {"a": "Inner", "b": "List[Inner]", "result": "Inner"}


def test_a_wrapped_function_has_the_annotations_of_its_own() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call

    @solid
    @logged
    def count(rows: list[Local]) -> int:
        return len(rows)

    assert types_of(count) == {"rows": "List[Local]", "result": "Int"}


@pytest.mark.parametrize("text", ["1 +", "int[", "NOT_A_TYPE | None", "Local.missing", "1/0", "''", "(yield)"])
def test_an_annotation_that_is_none_takes_any_value_and_is_told(text: str) -> None:
    def take(odd, count):  # type: ignore[no-untyped-def]
        return count

    take.__annotations__ = {"odd": text, "count": "int", "return": "int"}
    with pytest.warns(UserWarning, match="of input 'odd' cannot be evaluated"):
        found = solid(take)
    assert types_of(found) == {"odd": "Any", "count": "Int", "result": "Int"}


def test_a_type_that_is_given_needs_no_annotation() -> None:
    with warnings.catch_warnings(record=True) as told:

        @solid(input_defs=[InputDefinition("frame", Int)], output_defs=[OutputDefinition(Int)])
        def count(frame: pd.DataFrame) -> pd.DataFrame:
            return frame

    assert told == []
    assert types_of(count) == {"frame": "Int", "result": "Int"}
