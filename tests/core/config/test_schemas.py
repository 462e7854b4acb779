"""A schema as JSON schema, as text and as scaffold says what our own validation takes, for any schema."""

from __future__ import annotations

import json
import os
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import (
    Array,
    BoolSource,
    ConfigFault,
    Enum,
    EnumValue,
    Field,
    FloatSource,
    IntSource,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    Shape,
    StringSource,
    as_field,
    json_schema,
    resolve_config,
    scaffold,
    schema_text,
)
from core.types.value_loaders import ValueOrFile

EXAMPLES = 10_000 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 60
NAMES = st.sampled_from(["a", "b", "c", "on", "a b", "é", "env", "value"])
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

# Of numbers like 1.0 JSON does not say whether they are whole.
FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
SCALAR_VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), FLOATS, st.sampled_from(["", "a", "red", "é"]))
VALUES = st.recursive(
    SCALAR_VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
SCALARS: st.SearchStrategy[Any] = st.sampled_from(
    [
        bool, int, float, str, IntSource, BoolSource, StringSource, FloatSource,
        Enum("Color", [EnumValue("red", 1), EnumValue("on", 2)]),
    ]
)  # fmt: skip


@st.composite
def fields(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Any:
    """A field: required or not, with a default that fits, or as the type says."""
    schema = draw(inner)
    kind = draw(st.sampled_from(["plain", "plain", "required", "optional", "default"]))
    if kind == "plain":
        return Field(schema, description=draw(st.sampled_from(["", "Some text\nin two lines: # {x}"])))
    if kind == "default":
        default = draw(VALUES)
        faults: list[ConfigFault] = []
        as_field(schema).resolve(default, (), faults)
        return Field(schema) if faults else Field(schema, default_value=default)
    return Field(schema, is_required=kind == "required")


def _composite(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mapped = st.dictionaries(NAMES, fields(inner), max_size=3)
    return st.one_of(
        mapped.map(Shape),
        mapped.map(Permissive),
        mapped.map(Selector),
        inner.map(Array),
        inner.map(Noneable),
        (SCALARS | st.just(Any)).map(ValueOrFile),
        SCALARS.map(lambda each: ValueOrFile([each])),
        st.tuples(SCALARS, inner).map(lambda pair: ScalarUnion(*pair)),
    )


SCHEMAS = st.recursive(SCALARS | st.sampled_from([Any, dict, list]), _composite, max_leaves=6)


@st.composite
def values_for(draw: st.DrawFn, form: dict[str, Any]) -> Any:
    """Values that mostly follow a JSON schema, so that many of them fit, and others that nearly do."""
    if draw(st.integers(0, 9)) == 0:
        return draw(VALUES)
    if "anyOf" in form:
        return draw(values_for(draw(st.sampled_from(form["anyOf"]))))
    if "if" in form:
        return draw(values_for(form[draw(st.sampled_from(["then", "else"]))]))
    if "enum" in form:
        return draw(st.sampled_from(form["enum"]))
    match form.get("type"):
        case "object" | ["object", "null"]:
            required, properties = form.get("required", []), form.get("properties", {})
            names = {
                *required,
                *draw(st.lists(st.sampled_from(sorted(properties)), max_size=2) if properties else st.just([])),
            }
            if "maxProperties" in form:
                names = set(sorted(names)[: draw(st.integers(0, 2))])
            found = {name: draw(values_for(properties[name])) for name in sorted(names)}
            return found if draw(st.integers(0, 5)) else {**found, draw(NAMES): draw(VALUES)}
        case "array":
            return draw(st.lists(values_for(form.get("items", {})), max_size=2))
        case "boolean":
            return draw(st.booleans())
        case "integer":
            return draw(st.integers(-5, 5))
        case "number":
            return draw(FLOATS | st.integers(-5, 5))
        case "string":
            return draw(st.sampled_from(["a", "THE_VARIABLE"]))
    return draw(VALUES)


def takes(schema: Any, value: Any) -> bool:
    faults: list[ConfigFault] = []
    as_field(schema).resolve(value, (), faults)
    return not [fault for fault in faults if not fault.is_of_environment]


@SETTINGS
@given(SCHEMAS, st.data())
def test_the_json_schema_takes_what_we_take(schema: Any, data: st.DataObject) -> None:
    said = json_schema(schema, "A schema")
    json.dumps(said)
    jsonschema.Draft202012Validator.check_schema(said)
    validator = jsonschema.Draft202012Validator(said)
    for _ in range(3):
        value = data.draw(values_for(said))
        assert validator.is_valid(value) == takes(schema, value), (said, value)


@SETTINGS
@given(st.dictionaries(NAMES, fields(SCHEMAS), max_size=3))
def test_the_scaffold_fits(schema: dict[str, Any]) -> None:
    text = scaffold(schema)
    found = yaml.safe_load(text)
    has_empty_choice = '"not": {}' in json.dumps(json_schema(schema)) or _has_impossible(schema)
    assert takes(schema, found) or has_empty_choice, text
    required = json_schema(schema).get("required", [])
    assert set(found or {}) == set(required), "it holds no more than it must"


def _has_impossible(schema: Any) -> bool:
    """Whether a selector without a choice is in it, which takes no value."""
    config_type = as_field(schema).config_type
    inner = [
        getattr(config_type, name, None) for name in ("inner_type", "scalar_type", "non_scalar_type", "value_type")
    ]
    inner += list(getattr(config_type, "fields", {}).values()) if not isinstance(config_type, ValueOrFile) else []
    return (isinstance(config_type, Selector) and not config_type.fields) or any(
        _has_impossible(each) for each in inner if each is not None
    )


@SETTINGS
@given(st.dictionaries(NAMES, fields(SCHEMAS), min_size=1, max_size=3))
def test_the_text_names_each_field_in_lines_of_yaml(schema: dict[str, Any]) -> None:
    text = schema_text(schema)
    for line in text.splitlines():
        assert line.strip().startswith(("#", "- ")) or ":" in line
    told = {line.split(":")[0].removeprefix("# ").strip('"') for line in text.splitlines() if not line.startswith(" ")}
    silent = {name for name, field in schema.items() if _says_nothing(json_schema(field))}
    assert {name for name in schema if name.isascii()} - silent <= told


def _says_nothing(said: dict[str, Any]) -> bool:
    return "object" in said.get("type", "") and all(_says_nothing(each) for each in said["properties"].values())


CHOICE = Selector({"b": Noneable(int)})
TEXTS: dict[str, tuple[Any, str, str]] = {
    "scalars": (
        {"n": int, "t": Field(str, default_value="x", description="The text."), "on": Field(bool, is_required=False)},
        'n: Int  # required\nt: String  # "x" by default; The text.\n"on": Bool  # optional',
        'n: 0  # Int; required\n# t: "x"  # String; "x" by default; The text.\n# "on": false  # Bool; optional',
    ),
    "nested": (
        {"db": {"host": str, "key": Field(StringSource, is_secret=True)}, "rest": Permissive({"k": Noneable(int)})},
        "db:  # required\n  host: String  # required\n  key: StringSource or {env: NAME}  # required; secret\n"
        "rest:\n  k: Int or null\n  ...: Any  # any other keys",
        'db:  # required\n  host: "..."  # String; required\n'
        '  key: "..."  # StringSource or {env: NAME}; required; secret\n# rest:\n#   k: null  # Int or null',
    ),
    "choices": (
        {"where": Selector({"file": {"path": str}, "memory": {}}), "all": [Selector({"a": int, "b": int})]},
        "where:  # required\n  # exactly one of:\n  file:\n    path: String  # required\n  memory: {}\n"
        "all:  # required\n  - # exactly one of:\n    a: Int\n    b: Int",
        'where:  # required\n  # exactly one of:\n  # file:\n  #   path: "..."  # String; required\n  memory: {}  # {}'
        "\nall: []  # [{a: Int} or {b: Int}]; required",
    ),
    "a choice that is made by itself": (
        {"a": ScalarUnion(int, CHOICE), "c": Field(CHOICE, is_required=True)},
        "a:  # required; or Int\n  # exactly one of:\n  b: Int or null\n"
        "c:  # required\n  # exactly one of:\n  b: Int or null",
        "a: 0  # Int or {b: Int or null}; required\nc: {}  # {b: Int or null}; required",
    ),
    "a scalar": (Field(int), "Int  # required", "0  # Int"),
    "nothing is required": (
        {"a": Field(int, default_value=1)},
        "a: Int  # 1 by default",
        "# a: 1  # Int; 1 by default\n{}",
    ),
    "what has the name of a secret": (
        {"password": Field(str, default_value="hidden")},
        "password: String  # optional; secret",
        '# password: "..."  # String; optional; secret\n{}',
    ),
    "a secret with a default": (
        {"key": Field(str, is_secret=True, default_value="hidden")},
        "key: String  # optional; secret",
        '# key: "..."  # String; optional; secret\n{}',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "text", "smallest"), TEXTS.values(), ids=TEXTS)
def test_how_a_schema_is_shown(schema: Any, text: str, smallest: str) -> None:
    assert schema_text(schema) == text
    assert scaffold(schema) == smallest
    assert "hidden" not in str(json_schema(schema))
    resolve_config(schema, yaml.safe_load(smallest), "config")


@pytest.mark.parametrize("path", [None, 3, [], {}, {"env": None}, {"env": ""}, {"env": "A", "b": 1}])
def test_what_only_looks_like_a_file_is_a_value_where_any_is_taken(path: Any) -> None:
    value = {"json": {"path": path}}
    assert resolve_config(ValueOrFile(Any), value, "config") == {"value": value}
