"""`{env: NAME}` for every scalar of a schema, and secrets in messages."""

from typing import Any

import pytest

from core.config import (
    ABSENT,
    Array,
    Enum,
    EnumValue,
    Field,
    FloatSource,
    Noneable,
    Permissive,
    Selector,
    hide_passwords,
    resolve_config,
    show_value,
    with_sources,
)
from core.errors import DagsterInvalidConfigError

ENV = {"env": "CORE_TEST_VALUE"}
COLOUR = Enum("Colour", [EnumValue("RED", 1), EnumValue("BLUE", 2)])


def resolved(schema: Any, value: object) -> Any:
    return resolve_config(with_sources(Field(schema)), value, "config")


@pytest.mark.parametrize(
    ("schema", "value", "text", "expected"),
    [
        (int, ENV, "3", 3),
        (float, ENV, "1.5", 1.5),
        (str, ENV, "3", "3"),
        (bool, ENV, "yes", True),
        (COLOUR, ENV, "BLUE", 2),
        (COLOUR, "RED", "", 1),
        ({"a": {"b": [int]}}, {"a": {"b": [1, ENV]}}, "2", {"a": {"b": [1, 2]}}),
        (Noneable(int), ENV, "4", 4),
        (Noneable(int), None, "", None),
        (Array(Noneable(bool)), [ENV, None], "0", [False, None]),
        (Selector({"a": int, "b": str}), {"b": ENV}, "x", {"b": "x"}),
        (Permissive({"a": int}), {"a": ENV, "c": {"d": [ENV]}}, "7", {"a": 7, "c": {"d": ["7"]}}),
        (Permissive(), {"env": "prod", "a": {"env": "x", "b": 1}}, "", {"env": "prod", "a": {"env": "x", "b": 1}}),
        (Field(int, default_value=5), ENV, "6", 6),
    ],
)
def test_sources_stand_for_every_scalar(
    schema: Any, value: object, text: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORE_TEST_VALUE", text)
    assert resolved(schema, value) == expected


def test_the_schema_itself_stays_and_defaults_come_along() -> None:
    field = Field({"a": Field(int, default_value=5), "b": Field(str, is_required=False)})
    changed = with_sources(field)
    assert resolve_config(changed, {}, "config") == {"a": 5}
    assert changed.resolve_missing((), []) is not ABSENT
    with pytest.raises(DagsterInvalidConfigError, match="a: expected Int, got"):
        resolve_config(field, {"a": ENV}, "config")


@pytest.mark.parametrize(
    ("schema", "text", "said"),
    [
        (int, "hunter2", "does not hold a valid IntSource"),
        (float, "hunter2", "does not hold a valid FloatSource"),
        (COLOUR, "hunter2", "must hold one of RED, BLUE"),
        (Permissive(), None, "CORE_TEST_VALUE is not set"),
        (COLOUR, None, "CORE_TEST_VALUE is not set"),
    ],
)
def test_what_a_variable_does_not_hold(
    schema: Any, text: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        monkeypatch.setenv("CORE_TEST_VALUE", text)
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolved({"x": schema}, {"x": {"y": ENV} if isinstance(schema, Permissive) else ENV})
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_float_source_takes_ints_and_no_bools() -> None:
    value = resolve_config(FloatSource, 3, "config")
    assert (type(value), value) == (float, 3.0)
    for wrong in (True, "3", None, 10**400):
        with pytest.raises(DagsterInvalidConfigError):
            resolve_config(FloatSource, wrong, "config")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:hunter2@host:5432/db", "postgresql://me:…@host:5432/db"),
        ("postgresql://me:hun@ter/2@host/db", "postgresql://me:…@host/db"),
        ("redis://:hunter2@host", "redis://:…@host"),
        ("host=x password=hunter2 dbname=y", "host=x password=… dbname=y"),
        ("host=x password = 'hun ter2' dbname=y", "host=x password = … dbname=y"),
        ("http://127.0.0.1:4566/bucket", "http://127.0.0.1:4566/bucket"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("me@example.org: text", "me@example.org: text"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown
    assert show_value(text) in (f"'{shown}' (str)", f'"{shown}" (str)')


@pytest.mark.parametrize("name", ["password", "db_password", "postgres_url", "api_key", "session_token", "conn_string"])
def test_a_value_under_the_name_of_a_secret_is_not_shown(name: str) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config({name: str}, {name: 271828}, "config")
    assert f"{name}: expected String (a secret, not shown)" in str(caught.value)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "endpoint_url", "key"])
def test_other_values_are_shown(name: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="got 271828"):
        resolve_config({name: str}, {name: 271828}, "config")
