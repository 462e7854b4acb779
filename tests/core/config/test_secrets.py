"""Which values of a config are secrets."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import (
    Array,
    Field,
    FloatSource,
    IntSource,
    Noneable,
    Permissive,
    Secret,
    Selector,
    Shape,
    StringSource,
    collecting_secrets,
    resolve_config,
)
from core.errors import DagsterInvalidConfigError


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "from the environment")
    monkeypatch.setenv("PIN", " 001234")


def secrets_of(schema: Any, given: Any) -> set[Secret]:
    with collecting_secrets() as found:
        resolve_config(schema, given, "config")
    return set(found)


FROM_KEY = Secret("from the environment", "KEY")
OF_PIN = {Secret(" 001234", "PIN"), Secret("1234", "PIN")}
MARKED = Field(StringSource, is_secret=True)


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        ({"key": MARKED}, {"key": "written out"}, {Secret("written out")}),
        ({"key": MARKED}, {"key": {"env": "KEY"}}, {FROM_KEY}),
        ({"key": Field(Noneable(StringSource), is_secret=True)}, {"key": None}, set()),
        ({"key": Field(StringSource, is_secret=True, default_value="by default")}, {}, {Secret("by default")}),
        ({"key": Field(StringSource, is_secret=True, default_value={"env": "KEY"})}, {}, {FROM_KEY}),
        ({"key": StringSource}, {"key": {"env": "KEY"}}, set()),
        ({"password": str}, {"password": "hunter2"}, {Secret("hunter2")}),
        ({"password": StringSource}, {"password": {"env": "KEY"}}, {FROM_KEY}),
        ({"api_token": Noneable(StringSource)}, {"api_token": {"env": "KEY"}}, {FROM_KEY}),
        ({"pin": Field(IntSource, is_secret=True)}, {"pin": 1234}, {Secret("1234")}),
        ({"pin": Field(IntSource, is_secret=True)}, {"pin": {"env": "PIN"}}, OF_PIN),
        ({"pin": Field(FloatSource, is_secret=True)}, {"pin": 1}, {Secret("1.0")}),
        ({"on": Field(bool, is_secret=True)}, {"on": True}, set()),
        (
            {"keys": Field(Array(StringSource), is_secret=True)},
            {"keys": ["a key", {"env": "KEY"}]},
            {Secret("a key"), FROM_KEY},
        ),
        (
            {"store": Field(Shape({"name": StringSource, "key": StringSource}), is_secret=True)},
            {"store": {"name": "a name", "key": {"env": "KEY"}}},
            {Secret("a name"), FROM_KEY},
        ),
        ({"a": {"b": [{"c": {"secret": str}}]}}, {"a": {"b": [{"c": {"secret": "deep"}}]}}, {Secret("deep")}),
        (Selector({"s3": {"access_key": StringSource}}), {"s3": {"access_key": {"env": "KEY"}}}, {FROM_KEY}),
        ({"any": dict}, {"any": {"password": "hunter2", "user": "me"}}, {Secret("hunter2")}),
        ({"any": Permissive({"user": str})}, {"any": {"a": [{"token": "deep"}], "user": "me"}}, {Secret("deep")}),
        ({"any": list}, {"any": [{"token": "deep"}, "not this"]}, {Secret("deep")}),
        ({"of": [{"token": StringSource}]}, {"of": [{"token": {"env": "KEY"}}]}, {FROM_KEY}),
        ({"tokens": int}, {"tokens": 5}, set()),
    ],
)
def test_what_is_a_secret(schema: Any, given: Any, expected: set[Secret]) -> None:
    assert secrets_of(schema, given) == expected


def test_of_a_config_that_is_wrong_what_is_right_is_told() -> None:
    with collecting_secrets() as found, pytest.raises(DagsterInvalidConfigError):
        resolve_config({"password": str, "count": int}, {"password": "hunter2", "count": "x"}, "config")
    assert found == [Secret("hunter2")]


def test_what_is_resolved_elsewhere_is_not_told() -> None:
    schema, given = {"password": str}, {"password": "hunter2"}
    resolve_config(schema, given, "config")
    with collecting_secrets() as outer:
        with collecting_secrets() as inner:
            resolve_config(schema, given, "config")
        assert (outer, inner) == ([], [Secret("hunter2")])
        resolve_config(schema, {"password": "other"}, "config")
    resolve_config(schema, {"password": "after"}, "config")
    assert outer == [Secret("other")]
    assert inner == [Secret("hunter2")]


def test_a_secret_is_not_shown() -> None:
    assert "hunter2" not in f"{Secret('hunter2')!r} {Secret('hunter2')} {[Secret('hunter2', 'KEY')]}"
    assert "KEY" in repr(Secret("hunter2", "KEY"))
