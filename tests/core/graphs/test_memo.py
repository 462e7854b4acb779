"""Memoized runs of solids in graphs: versions are of the solids and what they get, however it came to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import (
    CompositeSolidDefinition,
    DagsterInstance,
    ModeDefinition,
    composite_solid,
    execute_pipeline,
    pipeline,
    plan_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.views.explanations import explain_steps
from core.views.memoized_runs import read_memoized_run

DISK = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})


@solid(version="1", config_schema=int)
def start(context: Any) -> int:
    return int(context.solid_config)


@solid(version="1", config_schema=int)
def add(context: Any, number: int) -> int:
    return number + int(context.solid_config)


def from_percent(given: Any) -> Any:
    return {"start": {"config": given["percent"] // 100}, "add": {"config": given["by"]}}


@composite_solid(config_schema={"percent": int, "by": int}, config_fn=from_percent)
def mapped():
    return add(start())


@composite_solid
def plain():
    return add(start())


def run(composite: CompositeSolidDefinition, folder: Path, instance: DagsterInstance, **config: Any) -> list[str]:
    @pipeline(mode_defs=[DISK])
    def versioned() -> None:
        composite.alias("outer")()

    given = {"solids": {"outer": config}, "resources": {"io_manager": {"config": {"base_dir": str(folder)}}}}
    planned = plan_pipeline(versioned, given, instance=instance)
    result = execute_pipeline(versioned, given, instance=instance, memoize=True)
    assert list(planned.step_keys_to_execute) == result.executed_step_keys
    assert result.output_for_solid("outer") is not None
    assert result.result_for_solid("outer").success
    return result.executed_step_keys


@pytest.fixture
def instance(tmp_path: Path) -> DagsterInstance:
    return DagsterInstance.ephemeral(str(tmp_path))


def test_what_counts_is_the_config_that_the_solids_get(tmp_path: Path, instance: DagsterInstance) -> None:
    def steps(**config: Any) -> list[str]:
        return run(mapped, tmp_path, instance, config=config)

    assert steps(percent=100, by=1) == ["outer.start", "outer.add"]
    assert steps(percent=100, by=1) == []
    assert steps(percent=150, by=1) == []
    assert steps(percent=200, by=1) == ["outer.start", "outer.add"]
    assert steps(percent=299, by=2) == ["outer.add"]
    same = {"start": {"config": 2}, "add": {"config": 2}}
    assert run(plain, tmp_path, instance, solids=same) == []
    explained = {
        each.step_key: each
        for run_ in instance.get_runs()[1:2]
        if (known := read_memoized_run(instance, run_)) is not None
        for each in explain_steps(instance, "versioned", known, list(known.steps))
    }
    assert explained["outer.start"].outcome == "hit"
    assert "config: 1 → 2" in explained["outer.add"].reasons


def test_the_same_solid_at_two_places_is_stored_twice(tmp_path: Path, instance: DagsterInstance) -> None:
    @composite_solid
    def twice():
        plain()
        plain.alias("other")()

    config = {key: {"solids": {"start": {"config": 1}, "add": {"config": 1}}} for key in ("plain", "other")}

    @pipeline(mode_defs=[DISK])
    def two() -> None:
        twice()

    given = {
        "solids": {"twice": {"solids": config}}, "resources": {"io_manager": {"config": {"base_dir": str(tmp_path)}}},
    }  # fmt: skip
    result = execute_pipeline(two, given, instance=instance, memoize=True)
    assert result.executed_step_keys == [
        "twice.plain.start", "twice.plain.add", "twice.other.start", "twice.other.add",
    ]  # fmt: skip
    given["solids"]["twice"]["solids"]["other"]["solids"]["add"]["config"] = 5  # type: ignore[index]
    again = execute_pipeline(two, given, instance=instance, memoize=True)
    assert again.executed_step_keys == ["twice.other.add"]
    refreshed = execute_pipeline(two, given, instance=instance, memoize=True, refresh=["twice.plain"])
    assert refreshed.executed_step_keys == ["twice.plain.start", "twice.plain.add"]
