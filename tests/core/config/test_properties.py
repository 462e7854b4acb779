"""For any schema: a value built from it resolves, and with one piece of it broken the fault says which piece."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import (
    Enum,
    EnumValue,
    Field,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    StringSource,
    resolve_config,
)
from core.errors import DagsterInvalidConfigError

NAMES = st.text("abcxyz_", min_size=1, max_size=4)
TEXT = st.text(max_size=5)
Path = tuple[str | int, ...]


@dataclass
class Case:
    """A schema, a value that fits it, and places in that value where `Misfit` fits nowhere."""

    schema: Any
    value: Any
    resolved: Any
    places: list[Path]


class Misfit:
    """Of no config type."""


def _scalar(schema: Any, values: st.SearchStrategy[Any], resolve: Callable[[Any], Any] = lambda v: v) -> Any:
    return values.map(lambda value: Case(schema, value, resolve(value), [()]))


_COLORS = Enum("Color", [EnumValue("red", 1), EnumValue("blue", 2)])
SCALARS = st.one_of(
    _scalar(bool, st.booleans()),
    _scalar(int, st.integers()),
    _scalar(float, st.floats(allow_nan=False)),
    _scalar(str, TEXT),
    _scalar(StringSource, TEXT),
    _scalar(_COLORS, st.sampled_from(["red", "blue"]), lambda value: _COLORS.values[value]),
)


def _below(name: str | int, places: list[Path]) -> list[Path]:
    return [(name, *place) for place in places]


def _listed(cases: list[Case]) -> Case:
    # A list has one inner type, so the first case's stands for all of it.
    first = cases[0]
    count = len(cases)
    places = [place for index in range(count) for place in _below(index, first.places)]
    return Case([first.schema], [first.value] * count, [first.resolved] * count, [(), *places])


def _mapped(cases: dict[str, Case], make: Callable[[dict[str, Any]], Any], extra: dict[str, Any]) -> Case:
    return Case(
        make({name: Field(case.schema, description="any") for name, case in cases.items()}),
        {name: case.value for name, case in cases.items()} | extra,
        {name: case.resolved for name, case in cases.items()} | extra,
        [(), *(place for name, case in cases.items() for place in _below(name, case.places))],
    )


def _selected(name: str, case: Case) -> Case:
    schema = Selector({name: case.schema, f"{name}0": int})
    return Case(schema, {name: case.value}, {name: case.resolved}, [(), *_below(name, case.places)])


def _with_default(case: Case) -> Case:
    return Case({"left_out": Field(case.schema, default_value=case.value)}, {}, {"left_out": case.resolved}, [()])


def _composite(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    mapped = st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(_listed),
        mapped.map(lambda cases: _mapped(cases, lambda fields: fields, {})),
        mapped.map(lambda cases: _mapped(cases, Permissive, {"Extra": None})),
        st.tuples(NAMES, inner).map(lambda pair: _selected(*pair)),
        inner.map(lambda case: Case(Noneable(case.schema), case.value, case.resolved, case.places)),
        inner.map(_with_default),
        st.integers().map(lambda value: Case(ScalarUnion(int, {"a": int}), {"a": value}, {"a": value}, [("a",)])),
    )


CASES = st.recursive(SCALARS, _composite, max_leaves=8)


def _broken(value: Any, place: Path) -> Any:
    if not place:
        return Misfit()
    head, rest = place[0], place[1:]
    if isinstance(value, list):
        assert isinstance(head, int)
        return [*value[:head], _broken(value[head], rest), *value[head + 1 :]]
    return {**value, head: _broken(value[head], rest)}


@given(CASES)
@settings(max_examples=200)
def test_a_value_built_from_a_schema_resolves(case: Case) -> None:
    assert resolve_config(case.schema, case.value, "config") == case.resolved


@given(CASES, st.data())
@settings(max_examples=200)
def test_one_broken_piece_gives_one_fault_at_its_path(case: Case, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(case.places))
    try:
        resolve_config(case.schema, _broken(case.value, place), "config")
    except DagsterInvalidConfigError as error:
        assert [fault.path for fault in error.errors] == [place]  # noqa: PT017  pytest.raises hides data.draw's report
    else:
        raise AssertionError(f"the misfit at {place} was taken")


@given(CASES, NAMES)
@settings(max_examples=100)
def test_an_unknown_key_gives_one_fault_at_its_path(case: Case, name: str) -> None:
    schema = {"known": Field(case.schema)}
    unknown = f"{name}-"
    try:
        resolve_config(schema, {"known": case.value, unknown: 1}, "config")
    except DagsterInvalidConfigError as error:
        assert [fault.path for fault in error.errors] == [(unknown,)]  # noqa: PT017
    else:
        raise AssertionError("the unknown key was taken")


@given(CASES, NAMES, st.booleans())
@settings(max_examples=100)
def test_a_misspelled_key_is_one_fault_whether_it_must_be_given_or_not(
    case: Case, name: str, is_required: bool
) -> None:
    field = Field(case.schema) if is_required else Field(case.schema, is_required=False)
    misspelled = f"{name}x{name}" if len(name) > 2 else f"{name}{name[-1:]}"
    try:
        resolve_config({"outer": {name: field}}, {"outer": {misspelled: case.value}}, "config")
    except DagsterInvalidConfigError as error:
        assert [fault.path for fault in error.errors] == [("outer", misspelled)]  # noqa: PT017
        assert f"did you mean {name!r}?" in error.errors[0].message  # noqa: PT017
    else:
        raise AssertionError("the misspelled key was taken")


@given(CASES, NAMES)
@settings(max_examples=100)
def test_a_required_field_that_is_left_out_gives_one_fault_at_its_path(case: Case, name: str) -> None:
    schema = {"outer": {name: Field(str), "other": Field(case.schema)}}
    try:
        resolve_config(schema, {"outer": {"other": case.value}}, "config")
    except DagsterInvalidConfigError as error:
        assert [fault.path for fault in error.errors] == [("outer", name)]  # noqa: PT017
    else:
        raise AssertionError("the field that is left out was not missed")


def _keys_of(value: Any, path: Path = ()) -> list[Path]:
    """Where a key stands in a mapping, at any depth."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for key, item in items for place in _keys_of(item, (*path, key))]
    return [*([(*path, key) for key in value] if isinstance(value, dict) else []), *below]


def _without(value: Any, place: Path) -> Any:
    head, rest = place[0], place[1:]
    if isinstance(value, list):
        assert isinstance(head, int)
        return [*value[:head], _without(value[head], rest), *value[head + 1 :]]
    return {key: _without(item, rest) if key == head else item for key, item in value.items() if rest or key != head}


def _told(schema: Any, value: Any) -> list[Path]:
    try:
        resolve_config(schema, value, "config")
    except DagsterInvalidConfigError as error:
        return [fault.path for fault in error.errors]
    return []


@given(st.dictionaries(NAMES, CASES, min_size=1, max_size=3), st.data())
@settings(max_examples=200)
def test_one_thing_that_is_left_out_at_any_depth_is_one_fault_at_its_path(
    cases: dict[str, Case], data: st.DataObject
) -> None:
    whole = _mapped(cases, lambda fields: fields, {})
    place = data.draw(st.sampled_from(_keys_of(whole.value)))
    told = _told(whole.schema, _without(whole.value, place))
    # what was the only choice of a selector leaves the selector without one
    assert told in ([], [place], [place[:-1]])


@given(CASES, st.data())
@settings(max_examples=200)
def test_one_none_at_any_depth_is_one_fault_at_its_path(case: Case, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(case.places))
    told = _told(case.schema, _with_none(case.value, place))
    assert told in ([], [place])


def _with_none(value: Any, place: Path) -> Any:
    if not place:
        return None
    if isinstance(value, list):
        return [_with_none(item, place[1:]) if index == place[0] else item for index, item in enumerate(value)]
    return {key: _with_none(item, place[1:]) if key == place[0] else item for key, item in value.items()}


def test_a_required_mapping_that_is_left_out_shows_the_least_to_write() -> None:
    try:
        resolve_config({"db": {"host": str, "port": Field(int, default_value=1), "keys": [str]}}, {}, "config")
    except DagsterInvalidConfigError as error:
        [fault] = error.errors
        assert fault.path == ("db",)
        assert fault.message.endswith('the least to write is {"host":"...","keys":[]}')
