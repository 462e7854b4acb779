"""Scalars of which not every value will do, and what fields demand of those beside them."""

from collections.abc import Mapping
from typing import Any

import pytest

from core.config import Checked, Field, FloatSource, IntSource, StringSource, resolve_config, with_sources
from core.errors import DagsterInvalidConfigDefinitionError, DagsterInvalidConfigError

NAME = "CORE_TEST_CHECKED_VALUE"
DIGIT = Checked(IntSource, "a digit", lambda number: 0 <= number <= 9)
HIDDEN = Checked(StringSource, "a short text", lambda text: len(text) < 3, is_shown=False)


def _message(schema: Any, value: object) -> str:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config(schema, value, "config")
    return str(caught.value).partition("\n  ")[2]


@pytest.mark.parametrize("given", [0, 9])
def test_what_fits_is_taken(given: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_config(DIGIT, given, "config") == given
    monkeypatch.setenv(NAME, str(given))
    assert resolve_config(DIGIT, {"env": NAME}, "config") == given
    assert resolve_config(with_sources(Field({"n": DIGIT})), {"n": {"env": NAME}}, "config") == {"n": given}


def test_the_value_is_checked_as_the_source_makes_it() -> None:
    positive = Checked(FloatSource, "a positive number", lambda number: isinstance(number, float) and number > 0)
    assert type(resolve_config(positive, 1, "config")) is float


@pytest.mark.parametrize(("given", "shown"), [(10, "10 (int)"), (-1, "-1 (int)"), ("1", "'1' (str)"), (True, "True")])
def test_what_does_not_fit_is_told_with_what_would(given: object, shown: str) -> None:
    assert _message({"n": DIGIT}, {"n": given}).startswith(f"n: expected a digit or {{env: NAME}}, got {shown}")


@pytest.mark.parametrize("text", ["10", "x1x"])
def test_a_variable_that_does_not_fit_is_named_and_not_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    message = _message({"n": DIGIT}, {"n": {"env": NAME}})
    assert message.startswith(f"n: the environment variable {NAME} does not hold a")
    assert text not in message
    monkeypatch.delenv(NAME)
    assert "is not set" in _message({"n": DIGIT}, {"n": {"env": NAME}})


@pytest.mark.parametrize("given", ["hunter2", ["hunter2"], {"hunter": 2}])
def test_a_hidden_value_is_not_shown(given: object) -> None:
    assert _message({"s": HIDDEN}, {"s": given}) == (
        "s: expected a short text or {env: NAME}, got something else (not shown)"
    )


def test_a_default_is_checked_where_it_is_declared() -> None:
    with pytest.raises(DagsterInvalidConfigDefinitionError, match="a digit"):
        Field(DIGIT, default_value=12)


def _less_than_most(beside: Mapping[str, Any]) -> str | None:
    return None if beside["least"] < beside["most"] else "this must be less than most"


RANGE = {
    "least": Field(DIGIT, is_required=False, rule=_less_than_most),
    "most": Field(DIGIT, default_value=5),
}


@pytest.mark.parametrize("given", [{}, {"least": 4}, {"least": 7, "most": 8}])
def test_a_rule_is_asked_where_its_field_has_a_value(given: dict[str, int]) -> None:
    assert resolve_config(RANGE, given, "config") == {"most": 5, **given}


@pytest.mark.parametrize("wrap", [lambda fields: {"in": fields}, lambda fields: {"in": {**fields, "other": int}}])
def test_a_broken_rule_is_a_fault_of_its_field(wrap: Any) -> None:
    given = {"least": 5, "other": 1} if "other" in wrap(RANGE)["in"] else {"least": 5}
    assert _message(wrap(RANGE), {"in": given}) == "in.least: this must be less than most"
    assert "in.least: this must" in _message(with_sources(Field(wrap(RANGE))), {"in": given})


def test_no_rule_is_asked_beside_a_fault() -> None:
    assert _message(RANGE, {"least": "x", "most": 5}).startswith("least: expected a digit")
    assert _message(RANGE, {"least": 5, "most": "x"}).startswith("most: expected a digit")
