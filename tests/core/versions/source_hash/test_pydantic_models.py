"""Solids whose code reaches pydantic models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODELS = """
from pydantic import BaseModel, Field, field_validator
from core import SourceHashVersionStrategy, solid

class Inner(BaseModel):
    x: int = 1

class Settings(BaseModel):
    n: int = Field(default=1, gt=0)
    inner: Inner = Inner()

    @field_validator("n", mode="after")
    @classmethod
    def checked(cls, n):
        return n

    @property
    def twice(self):
        return 2 * self.n

@solid
def take(_):
    return Settings(n=2).twice

print(SourceHashVersionStrategy().get_solid_version(take))
"""


def version(folder: Path, *edit: str) -> str:
    text = MODELS.replace(*edit) if edit else MODELS
    assert not edit or text != MODELS
    (folder / "models.py").write_text(text)
    done = subprocess.run([sys.executable, "-B", "models.py"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_model_counts_alike_in_every_process_and_whole(tmp_path: Path) -> None:
    first = version(tmp_path)
    assert len(first) == 64
    assert version(tmp_path) == first
    edits = [("default=1", "default=2"), ("gt=0", "gt=1"), ('"after"', '"before"'), ("return n\n", "return -n\n")]
    edits += [("return 2 *", "return 3 *"), ("x: int = 1", "x: int = 2"), ("n: int = Field", "n: float = Field")]
    others = {version(tmp_path, *edit) for edit in edits}
    assert len(others | {first}) == 1 + len(edits)


@pytest.mark.parametrize("edit", [("class Inner", "# a comment\nclass Inner")])
def test_a_comment_does_not_count(tmp_path: Path, edit: tuple[str, str]) -> None:
    assert version(tmp_path, *edit) == version(tmp_path)
