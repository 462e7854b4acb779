"""Names that people look for and that are not here, or elsewhere: an ImportError says what to write instead."""

from __future__ import annotations

import importlib

import pytest

import core
from core import absent, errors


def _told(module: str, name: str) -> str:
    with pytest.raises(ImportError) as told:
        exec(f"from {module} import {name}", {})
    return str(told.value)


@pytest.mark.parametrize("name", [*absent._OF_DAGSTER, *absent._ERRORS, *absent._LATER])
def test_a_name_that_is_not_here_says_what_to_use(name: str) -> None:
    if not hasattr(core, name):
        assert "is not in 'core'. " in _told("core", name)
    if not hasattr(errors, name):
        assert "is not in 'core.errors'. " in _told("core.errors", name)


@pytest.mark.parametrize("name", [each for each in dir(errors) if each.endswith("Error")])
def test_an_error_that_is_not_at_the_top_says_where_it_is(name: str) -> None:
    if name not in core.__all__:
        assert _told("core", name) == f"{name!r} is not in 'core'. Write: from core.errors import {name}."


def test_what_nobody_knows_is_told_as_python_does_and_asking_for_it_is_harmless() -> None:
    for module in ("core", "core.errors"):
        assert "cannot import name 'nonsense'" in _told(module, "nonsense")
        assert getattr(importlib.import_module(module), "DagsterScheduleWipeRequired", None) is None
        assert not hasattr(importlib.import_module(module), "job")
