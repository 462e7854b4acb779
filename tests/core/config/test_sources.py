"""Values that are written out, or read from the environment."""

from typing import Any

import pytest

from core.config import BoolSource, Field, IntSource, StringSource, resolve_config
from core.errors import DagsterInvalidConfigError

NAME = "CORE_TEST_SOURCES_VALUE"


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        (StringSource, "text", "text"),
        (StringSource, "", ""),
        (StringSource, " 1 ", " 1 "),
        (IntSource, "12", 12),
        (IntSource, "-3", -3),
        (BoolSource, "true", True),
        (BoolSource, "True", True),
        (BoolSource, "1", True),
        (BoolSource, "yes", True),
        (BoolSource, "false", False),
        (BoolSource, "0", False),
        (BoolSource, "NO", False),
    ],
)
def test_set(source: Any, text: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    resolved = resolve_config(source, {"env": NAME}, "config")
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("source", "text"), [(IntSource, ""), (IntSource, "1.5"), (BoolSource, ""), (BoolSource, "on?")]
)
def test_set_to_what_does_not_fit(source: Any, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(
        DagsterInvalidConfigError, match=rf"port: the environment variable {NAME} does not hold a valid"
    ):
        resolve_config({"port": source}, {"port": {"env": NAME}}, "config")


@pytest.mark.parametrize("source", [StringSource, IntSource, BoolSource])
def test_unset(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    with pytest.raises(DagsterInvalidConfigError, match=rf"a\[0\]: the environment variable {NAME} is not set; export"):
        resolve_config({"a": [source]}, {"a": [{"env": NAME}]}, "config")


@pytest.mark.parametrize("given", [{}, {"env": ""}, {"env": 3}, {"env": None}, {"ENV": NAME}, {"env": NAME, "x": 1}])
def test_a_mapping_that_is_no_source(given: Any) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="got a mapping with keys"):
        resolve_config({"s": Field(StringSource)}, {"s": given}, "config")


def test_a_plain_scalar_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "text")
    with pytest.raises(DagsterInvalidConfigError, match="expected String"):
        resolve_config({"s": str}, {"s": {"env": NAME}}, "config")
