"""The page about the architecture draws the house as it is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
HOUSE = PAGE.partition("## The house")[2].partition("**Doors.**")[0]
DOORS = {"__main__", "compute_log_manager", "experimental", "file_manager", "test_utils"}

layers = {
    contract["containers"][0]: {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    if contract["type"] == "layers"
}


@pytest.mark.parametrize("package", ["core", "core.definitions", "cloudstore"])
def test_each_room_is_in_the_house(package: str) -> None:
    assert layers[package]
    assert {name for name in layers[package] - DOORS if not re.search(rf"\b{name}\b", HOUSE)} == set()


def test_each_place_that_is_named_is_there() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", PAGE))
    assert len(named) > 40
    roots = [ROOT, ROOT / "core", ROOT / "core" / "execution"]  # the life of a run names them from where it is
    assert {place for place in named if not any((root / place).exists() for root in roots)} == set()


def test_each_file_that_is_named_beside_its_folder_is_there() -> None:
    rows = re.findall(r"`((?:[a-z_]+/)+)`[^|`]*\(((?:`[a-z_]+\.py`,? ?)+)\)", PAGE)
    assert len(rows) > 5
    missing = [
        f"{folder}{name}"
        for folder, names in rows
        for name in re.findall(r"[a-z_]+\.py", names)
        if not any((root / folder / name).exists() for root in (ROOT, ROOT / "core"))
    ]
    assert missing == []
