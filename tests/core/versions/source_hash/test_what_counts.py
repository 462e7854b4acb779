"""What changes the version of a function made from its source, and what does not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from core.versions.source_hash import SourceHashVersionStrategy


def _load_projects() -> ModuleType:
    path = Path(__file__).with_name("project.py")
    spec = importlib.util.spec_from_file_location("source_hash_project", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


project = _load_projects()
Edit = tuple[str, str, str]


def described(folder: Path, *edits: Edit, solid: str = "count") -> tuple[str, Mapping[str, str]]:
    """The version of a solid of the project, written to a new folder with edits, and the parts of that version."""
    with project.imported(project.write_project(folder, *edits)) as module:
        strategy = SourceHashVersionStrategy()
        version, parts = (
            strategy.get_solid_version(getattr(module, solid)),
            strategy.solid_parts(getattr(module, solid)),
        )
    assert version is not None
    return version, parts


def version_of(folder: Path, *edits: Edit, solid: str = "count") -> str:
    return described(folder, *edits, solid=solid)[0]


@pytest.fixture(scope="module")
def unedited(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Mapping[str, str]]:
    """The version of `count` in the project as it is, and its parts."""
    return described(tmp_path_factory.mktemp("unedited"))


CHANGES: dict[str, tuple[Edit, str]] = {
    "the body": (("pipeline.py", "convert(parsed), ", "convert(rows), "), "pipeline.count"),
    "a helper": (("helpers.py", "is_even(units", "is_odd(units"), "helpers.parse_time"),
    "a helper two modules away": (("shapes/units.py", "float(text)", "int(text)"), "shapes.units.to_seconds"),
    "a constant two modules away": (("shapes/units.py", "FACTOR = 5", "FACTOR = 6"), "shapes.units.FACTOR"),
    "in a circle of functions": (("helpers.py", "number != 0", "number > 0"), "helpers.is_odd"),
    "by an alias of a module": (("shapes/area.py", "side * side", "side ** 2"), "shapes.area.square"),
    "a constant imported by name": (("helpers.py", "60 * 60", "60 * 61"), "pipeline.LIMIT"),
    "a constant's type": (("helpers.py", "LIMIT = 60 * 60", "LIMIT = 3600.0"), "pipeline.LIMIT"),
    "a set in a constant": (("helpers.py", '"x", "y"', '"x", "w"'), "helpers.NAMES"),
    "the order of a dict": (("helpers.py", '{"b": 2, "a": 1}', '{"a": 1, "b": 2}'), "helpers.NAMES"),
    "a pattern": (("helpers.py", '"a+"', '"a*"'), "helpers.NAMES"),
    "an instance": (("helpers.py", "Settings(4)", "Settings(5)"), "helpers.NAMES"),
    "the class of an instance": (("helpers.py", "depth: int = 3", "depth: float = 3"), "helpers.Settings"),
    "an enum": (("helpers.py", "BLUE = 2", "BLUE = 3"), "helpers.Color"),
    "a constant that is no plain value": (("helpers.py", "FACTOR, 7]", "FACTOR, 8]"), "helpers.OPAQUE"),
    "a constant made from the folder": (("helpers.py", "data.csv", "rows.csv"), "helpers.DATA"),
    "a decorator": (("helpers.py", "**kwargs), seconds", "**kwargs), -seconds"), "helpers.timed.decorate.wrapper"),
    "what a decorator is told": (("pipeline.py", "seconds=3", "seconds=4"), "helpers.timed.decorate.wrapper"),
    "a closure's value": (("pipeline.py", "scaler(3)", "scaler(4)"), "pipeline.scaler.scale"),
    "a nested function": (("pipeline.py", "number / 2", "number / 4"), "pipeline.scaler.scale"),
    "a closure's default": (("helpers.py", "STEP = 1", "STEP = 2"), "pipeline.scaler.scale"),
    "a partial": (("pipeline.py", "helpers.add, 2", "helpers.add, 3"), "pipeline.ADD_TWO"),
    "the function of a partial": (("helpers.py", "return a + b", "return b + a"), "helpers.add"),
    "imported in the body": (("late/entry.py", "inner.clean(row)", "inner.clean([row])"), "late.entry.convert"),
    "reached from there": (("late/inner.py", "return row", "return [row]"), "late.inner.clean"),
    "a class there": (("late/inner.py", "scale = 1", "scale = 2"), "late.inner.Rater"),
    "the base of a class there": (("late/inner.py", "rate = 1", "rate = 2"), "late.inner.Root"),
    "changed in place there": (("late/inner.py", 'TABLE["b"] = 2', 'TABLE["b"] = 3'), "late.entry.table"),
    "names swapped": (("pipeline.py", "import LIMIT, timed", "import STEP as LIMIT, timed"), "pipeline.LIMIT"),
}

KEEPS: dict[str, Edit] = {
    "a docstring": ("pipeline.py", '"""Counts rows."""', '"""Tells how many."""'),
    "no docstring": ("pipeline.py", '"""Counts rows."""', ""),
    "a comment": ("pipeline.py", "# parse first", "# first of all"),
    "lines": ("helpers.py", "\n\n\n", "\n\n\n\n# ---\n\n"),
    "layout": ("helpers.py", "return a + b", "return (\n        a\n        + b\n    )"),
    "quotes": ("helpers.py", '"data.csv"', "'data.csv'"),
    "pass": ("helpers.py", "return a + b", "pass\n    return a + b"),
    "annotations": ("helpers.py", "def add(a, b)", "def add(a: int, b: 'int') -> int"),
    "an annotated variable": ("pipeline.py", "parsed = ", "parsed: list[int] = "),
    "the value of a constant written otherwise": ("helpers.py", "60 * 60", "3_600"),
    "an annotated constant": ("helpers.py", "LIMIT = ", "LIMIT: int = "),
    "what is not reached": ("helpers.py", "def unrelated():\n    return 1", "def unrelated():\n    return 2"),
    "a constant that is not reached": ("pipeline.py", "UNRELATED = 1", "UNRELATED = 2"),
    "one that is not reached, imported in the body": ("late/entry.py", "UNUSED = 1", "UNUSED = 2"),
    "the solid's description": ("pipeline.py", 'description="counts"', 'description="tells", tags={"a": "b"}'),
    "an unused import": ("helpers.py", "import enum", "import enum\nimport csv"),
    "a main guard": ("helpers.py", "\n\n\ndef timed", '\nif __name__ == "__main__":\n    OPAQUE = 1\n\n\ndef timed'),
    "a set written in another order": ("helpers.py", '{"x", "y", "z"', '{"z", "x", "y"'),
    "a class that is not used": ("shapes/area.py", "return self.retries", "return 0"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changes_the_version(case: str, unedited: tuple[str, Mapping[str, str]], tmp_path: Path) -> None:
    edit, part = CHANGES[case]
    (before, parts_before), (after, parts_after) = unedited, described(tmp_path, edit)
    assert before != after
    assert part in parts_after
    assert parts_before.get(part) != parts_after[part]


@pytest.mark.parametrize("case", KEEPS)
def test_does_not_change_the_version(case: str, unedited: tuple[str, Mapping[str, str]], tmp_path: Path) -> None:
    assert described(tmp_path, KEEPS[case]) == unedited


def test_parts_have_the_names_people_know(tmp_path: Path) -> None:
    _, parts = described(tmp_path)
    assert {"pipeline.count", "helpers.parse_time", "pipeline.LIMIT", "late.entry.convert"} <= parts.keys()
    assert not any("unrelated" in name.lower() for name in parts)


@pytest.mark.parametrize(
    "edit",
    [
        ("pipeline.py", "UNRELATED = 1", "UNRELATED = 2"),
        ("pipeline.py", "return UNRELATED", "return 5"),
        ("helpers.py", "LIMIT = 60 * 60", "LIMIT = 1"),
    ],
)
def test_parameters_and_variables_hide_what_is_outside(edit: Edit, tmp_path: Path) -> None:
    assert version_of(tmp_path / "a", solid="shadowing") == version_of(tmp_path / "b", edit, solid="shadowing")


@pytest.mark.parametrize("edit", [("retries = 3", "retries = 4"), ("return 1", "return 2"), ("(Base)", "")])
def test_a_class_counts_whole_with_its_bases(edit: tuple[str, str], tmp_path: Path) -> None:
    versions = []
    for folder, edits in ((tmp_path / "a", ()), (tmp_path / "b", (("shapes/area.py", *edit),))):
        with project.imported(project.write_project(folder, *edits)) as module:
            versions.append(SourceHashVersionStrategy().get_resource_version(module.client))
    assert None not in versions
    assert versions[0] != versions[1]


def test_swapped_names_are_another_version(tmp_path: Path) -> None:
    files = {
        "helpers.py": "def one(x):\n    return x\n\ndef two(x):\n    return -x\n",
        "pipeline.py": "from core import solid\nfrom helpers import one as a, two as b\n\n"
        "@solid\ndef both(context):\n    return a(1), b(1)\n",
    }
    swap = ("pipeline.py", "one as a, two as b", "two as a, one as b")
    versions = set()
    for folder, edits in ((tmp_path / "a", []), (tmp_path / "b", [swap])):
        with project.imported(project.write_project(folder, *edits, files=files)) as module:
            versions.add(SourceHashVersionStrategy().get_solid_version(module.both))
    assert len(versions) == 2


def test_what_a_function_imports_is_imported_and_nothing_else(tmp_path: Path) -> None:
    with project.imported(project.write_project(tmp_path)) as module:
        before = set(sys.modules)
        assert SourceHashVersionStrategy().get_solid_version(module.count)
        assert set(sys.modules) - before == {"late", "late.entry", "late.inner"}


def test_importing_what_the_body_imports_changes_nothing(tmp_path: Path) -> None:
    with project.imported(project.write_project(tmp_path)) as module:
        before = SourceHashVersionStrategy().get_solid_version(module.count)
        importlib.import_module("late.entry")
        assert SourceHashVersionStrategy().get_solid_version(module.count) == before


def test_a_helper_moved_to_another_module_changes_nothing(tmp_path: Path) -> None:
    moved = [
        ("helpers.py", "def add(a, b):\n    return a + b", "from shapes.area import add"),
        ("shapes/area.py", "def square", "def add(a, b):\n    return a + b\n\n\ndef square"),
    ]
    assert version_of(tmp_path / "a") == version_of(tmp_path / "b", *moved)


def test_a_value_that_changes_in_the_process_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with project.imported(project.write_project(tmp_path)) as module:
        strategy = SourceHashVersionStrategy()
        first = strategy.get_solid_version(module.count)
        monkeypatch.setattr(module, "LIMIT", 7)
        second = strategy.get_solid_version(module.count)
        module.helpers.NAMES.append(1)
        third = strategy.get_solid_version(module.count)
        module.helpers.NAMES.pop()
        monkeypatch.undo()
        assert len({first, second, third}) == 3
        assert strategy.get_solid_version(module.count) == first
