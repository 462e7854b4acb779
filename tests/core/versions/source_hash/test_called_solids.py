"""A solid that calls another one, or a resource: their code is a part of its version, and their docstrings are not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.versions.source_hash import SourceHashVersionStrategy

CALLING = '''
from core import Field, resource, solid

@solid
def called(x: int, y: int = 3) -> int:
    """Adds."""
    return x + y

@solid(config_schema={"a": Field(int, default_value=5)})
def configured(context) -> int:
    """Gives its config."""
    return context.solid_config["a"]

@resource
def made():
    """Makes."""
    return 7

@solid
def calling(x: int) -> int:
    return called(x) * made() + configured(None)
'''


def _load_project() -> ModuleType:
    path = Path(__file__).with_name("project.py")
    spec = importlib.util.spec_from_file_location("source_hash_project", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


project: Any = _load_project()


def version_of_calling(folder: Path, text: str) -> str:
    folder.mkdir()
    with project.imported(project.write_project(folder, files={"pipeline.py": text})) as module:
        assert module.calling(1) == 4 * 7 + 5 or text != CALLING
        version = SourceHashVersionStrategy().get_solid_version(module.calling)
    assert version is not None
    return version


@pytest.mark.parametrize(
    ("old", "new", "is_another"),
    [
        ("return x + y", "return x - y", True),
        ("y: int = 3", "y: int = 4", True),
        ("default_value=5", "default_value=6", True),
        ("return 7", "return 8", True),
        ('"""Adds."""', '"""Adds two numbers."""', False),
        ('"""Gives its config."""', "", False),
        ('"""Makes."""', '"""Makes seven."""', False),
    ],
)
def test_what_it_calls_counts_without_docstrings(tmp_path: Path, old: str, new: str, is_another: bool) -> None:
    assert old in CALLING
    before = version_of_calling(tmp_path / "before", CALLING)
    after = version_of_calling(tmp_path / "after", CALLING.replace(old, new))
    assert (before != after) is is_another
