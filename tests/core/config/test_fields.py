"""Fields: required or not, defaults, secrets, and every fault at once."""

from typing import Any

import pytest

from core.config import (
    Array,
    ConfigFault,
    Field,
    IntSource,
    Noneable,
    Permissive,
    Selector,
    Shape,
    StringSource,
    format_path,
    resolve_config,
)
from core.errors import DagsterInvalidConfigDefinitionError, DagsterInvalidConfigError


def faults_of(schema: Any, given: Any) -> dict[str, str]:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config(schema, given, "config")
    faults = {format_path(fault.path): fault.message for fault in caught.value.errors}
    assert len(faults) == len(caught.value.errors)
    assert all(f"  {path}: {message}" in str(caught.value) for path, message in faults.items())
    return faults


def test_all_faults_at_once_each_with_its_path() -> None:
    schema = {
        "count": int,
        "files": [{"name": str, "size": int}],
        "store": Selector({"local": {"dir": str}, "s3": {"bucket": str}}),
        "extra": Permissive({"level": int}),
        "nested": {"deep": {"er": Noneable(float)}},
    }
    given = {
        "count": "3",
        "files": [{"name": "a", "size": 1}, {"name": 2}, "c"],
        "store": {"s3": {"bukket": "b"}},
        "extra": {"level": None, "free": object},
        "nested": {"deep": {"er": "x", "more": 1}},
        "cuont": 3,
    }
    faults = faults_of(schema, given)
    assert set(faults) == {
        "count",
        "files[1].name",
        "files[1].size",
        "files[2]",
        "store.s3.bukket",
        "extra.level",
        "nested.deep.er",
        "nested.deep.more",
        "cuont",
    }
    assert faults["cuont"].startswith("unknown key 'cuont'; did you mean 'count'? Known: count, extra,")
    assert faults["files[1].size"] == "missing required config of type Int"


def test_an_unknown_name_without_a_likeness_lists_the_known_ones() -> None:
    assert faults_of({"alpha": Field(int, is_required=False)}, {"zzz": 1}) == {
        "zzz": "unknown key 'zzz'. Known: alpha."
    }
    assert faults_of(Selector({"alpha": int, "beta": int}), {"bta": 1}) == {
        "bta": "unknown choice 'bta'; did you mean 'beta'? Known: alpha, beta."
    }
    assert faults_of({}, {"a": 1}) == {"a": "unknown key 'a'. Known: none."}


@pytest.mark.parametrize("key", [1, None, True, 1.5, ("a",)])
def test_keys_that_are_no_strings_are_unknown_keys(key: Any) -> None:
    assert list(faults_of({"a": Field(int, is_required=False)}, {key: 1}).values()) == [
        f"unknown key {key!r}. Known: a."
    ]


def test_a_mapping_that_is_left_out_is_one_fault_which_names_what_is_missing_in_it() -> None:
    schema = {
        "a": {"b": {"c": int, "d": Field(str, description="the name")}},
        "e": {"f": Field(int, is_required=False)},
    }
    assert faults_of(schema, {}) == {
        "a": "missing required config: b.c of type Int, b.d of type String (the name); the least to write is "
        '{"b":{"c":0,"d":"..."}}'
    }
    assert faults_of(schema, {"a": {"b": {}}}) == {
        "a.b.c": "missing required config of type Int",
        "a.b.d": "missing required config of type String (the name)",
    }
    many = faults_of({"a": {f"f{number}": int for number in range(9)}}, {})["a"]
    assert many.startswith("missing required config: f0 of type Int, f1 of type Int, f2")
    assert "f4 of type Int, ...; the least to write is" in many


def test_what_is_required() -> None:
    assert Field(int).is_required
    assert not Field(int, is_required=False).is_required
    assert not Field(int, default_value=1).is_required
    assert Field({"a": int}).is_required
    assert not Field({"a": Field(int, default_value=1)}).is_required
    assert not Field(Permissive()).is_required
    assert not Field(Noneable(int)).is_required
    assert resolve_config({"a": Noneable(int)}, {}, "config") == {"a": None}
    with pytest.raises(DagsterInvalidConfigDefinitionError, match="required config field cannot have a default"):
        Field(int, default_value=1, is_required=True)


def test_a_field_left_out_without_default_is_not_there() -> None:
    assert resolve_config({"a": Field(int, is_required=False)}, {}, "config") == {}


def test_defaults_are_resolved_as_config_is() -> None:
    schema = {"a": {"b": Field(float, default_value=1), "c": Field(Noneable(str), default_value=None)}}
    assert resolve_config(schema, {}, "config") == {"a": {"b": 1.0, "c": None}}


def test_a_default_that_does_not_fit_is_refused_where_it_is_written() -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError, match=r"\[1\]: expected Int, got 'x'"):
        Field([int], default_value=[1, "x"])


def test_a_default_may_read_the_environment_at_the_time_of_use(monkeypatch: pytest.MonkeyPatch) -> None:
    field = Field(IntSource, default_value={"env": "TEST_FIELDS_PORT"})
    assert "TEST_FIELDS_PORT is not set" in faults_of({"port": field}, {})["port"]
    monkeypatch.setenv("TEST_FIELDS_PORT", "81")
    assert resolve_config({"port": field}, {}, "config") == {"port": 81}


@pytest.mark.parametrize("config_type", [dict, Any, Permissive({"kept": Any})])
def test_mutable_defaults_are_not_shared(config_type: Any) -> None:
    declared: dict[str, Any] = {"kept": [{"n": 1}]}
    schema = {"f": Field(config_type, default_value=declared)}
    first = resolve_config(schema, {}, "config")
    first["f"]["kept"][0]["n"] = 2
    first["f"]["kept"].append("more")
    declared["kept"].append("the declaration's own")
    assert resolve_config(schema, {}, "config") == {"f": {"kept": [{"n": 1}]}}
    schema["f"].default_value["kept"].clear()
    assert resolve_config(schema, {}, "config") == {"f": {"kept": [{"n": 1}]}}


SECRET = "hunter2-AKIA"


@pytest.mark.parametrize(
    ("config_type", "given"),
    [
        (int, SECRET),
        (IntSource, SECRET),
        ([int], [1, SECRET]),
        ({"a": int}, {"a": SECRET}),
        ({"a": int}, {SECRET[:5]: SECRET, "a": 1}),
        (Selector({"a": int}), SECRET),
        (Noneable(int), SECRET),
        (StringSource, {"environment": SECRET}),
        (StringSource, {"env": [SECRET]}),
    ],
)
def test_the_value_of_a_secret_is_in_no_message(config_type: Any, given: Any) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config({"s": Field(config_type, is_secret=True)}, {"s": given}, "config")
    assert "s" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(map(str, caught.value.errors))
    assert "a secret, not shown" in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"s3": [{"key": SECRET}]},
        {"s3": {"region": {"key": SECRET}}},
        {"s3": {"attempts": [SECRET]}},
        {"s3": {"regions": {"key": SECRET}}},
        {"s3": {"mode": {"key": SECRET}}},
        [{"key": SECRET}],
        {"sources": {"key": SECRET}},
    ],
)
def test_a_secret_in_the_wrong_place_is_in_no_message(given: Any) -> None:
    schema = {
        "s3": {
            "key": Field(str, is_secret=True, is_required=False),
            "region": Field(StringSource, is_required=False),
            "attempts": Field(int, is_required=False),
            "regions": Field([str], is_required=False),
            "mode": Field(Selector({"a": int, "b": int}), is_required=False),
        },
        "sources": Field([{"key": Field(str, is_secret=True)}], is_required=False),
    }
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config(schema, given, "config")
    assert SECRET not in str(caught.value)


def test_a_secret_from_the_environment_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_FIELDS_SECRET", SECRET)
    schema = {"s": Field(IntSource)}
    assert faults_of(schema, {"s": {"env": "TEST_FIELDS_SECRET"}}) == {
        "s": "the environment variable TEST_FIELDS_SECRET does not hold a valid IntSource"
    }


def test_a_secret_default_that_does_not_fit_is_not_shown() -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError) as caught:
        Field(int, default_value=SECRET, is_secret=True)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("outer", [Array, Noneable, Field])
def test_secrecy_cannot_get_lost_inside_another_type(outer: Any) -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError, match="mark the outer field as is_secret"):
        outer(Field(str, is_secret=True))


def test_long_values_are_cut_in_messages() -> None:
    (message,) = faults_of({"n": int}, {"n": "x" * 10_000}).values()
    assert len(message) < 100


def test_a_path_that_is_the_root_says_so() -> None:
    assert str(ConfigFault((), "wrong")) == "(top level): wrong"
    assert format_path(("solids", "clean", "months", 1, 2, "x")) == "solids.clean.months[1][2].x"


def test_shape_of_fields_and_plain_types() -> None:
    assert resolve_config(Shape({"a": Field(int), "b": str}), {"a": 1, "b": "x"}, "config") == {"a": 1, "b": "x"}
