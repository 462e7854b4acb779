"""Memoized runs: what is executed, found, and healed is the same whoever executes the steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import PipelineExecutionResult, reconstructable
from tests.contracts.executors import memo
from tests.contracts.executors.conftest import Runs

MEMO, TAMPERED = reconstructable(memo.memo), reconstructable(memo.tampered)
ALL = {
    "numbers",
    "keys",
    "times[k0]",
    "times[k1]",
    "times[k2]",
    "total",
    "perhaps",
    "of_one",
    "fails_once",
    "unversioned",
}
ALWAYS = {"unversioned"}  # without a version, and what feeds it is found

Place = Callable[[str, Path, str], tuple[dict[str, Any], dict[str, Any]]]
"""The resources of a mode that keep values in a folder or under a prefix of the bucket, and how to tamper with them."""


@pytest.fixture
def place(embedded_options: dict[str, Any], bucket: str) -> Place:
    def of(mode: str, folder: Path, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
        if mode == "bucket":
            manager = {"s3_bucket": bucket, "s3_prefix": prefix}
            in_bucket = {"bucket": bucket, "prefix": prefix, "options": embedded_options}
            return {"s3": {"config": embedded_options}, "io_manager": {"config": manager}}, in_bucket
        key, config = {"disk": ("io_manager", {"base_dir": str(folder)}), "own": ("folder", str(folder))}[mode]
        return {key: {"config": config}}, {"folder": str(folder)}

    return of


def told(runs: Runs, result: PipelineExecutionResult, folder: Path, prefix: str) -> dict[str, str]:
    """All that is told of a run, but for where its values are."""
    of_steps = runs.told(result).items()
    return {key: repr(events).replace(str(folder), "FOLDER").replace(prefix, "PREFIX") for key, events in of_steps}


@pytest.mark.parametrize("mode", ["disk", "bucket", "own"])
def test_what_is_executed_and_what_is_found(
    runs: Runs, as_in_process: Runs, mode: str, place: Place, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    configs: list[tuple[dict[str, Any], set[str], dict[str, Any]]] = [
        ({}, ALL, {}),
        ({}, ALWAYS, {}),
        ({"total": None}, {"total", "perhaps", "of_one", "fails_once", *ALWAYS}, {"refresh": ["total"]}),
        ({"times": 2}, ALL - {"numbers", "keys"}, {}),
        ({"times": 2, "perhaps": False}, {"perhaps", "fails_once", *ALWAYS}, {}),
        ({"times": 2, "perhaps": False}, ALWAYS, {}),
        ({"numbers": 4}, ALL | {"times[k3]"}, {}),
        ({"numbers": 0}, {"numbers", "keys", "total", "perhaps", "of_one", "fails_once", *ALWAYS}, {}),
        ({"numbers": 0}, ALWAYS, {}),
        ({"times": 3, "fails_once": str(there)}, ALL - {"numbers", "keys", *ALWAYS}, {}),
        ({"times": 3, "fails_once": str(there)}, {"fails_once", *ALWAYS}, {}),
    ]
    if mode != "disk":  # they differ in how they find and keep values, and not in what is decided
        del configs[4:]
    for number, (config, expected, options) in enumerate(configs):
        if number == 10:
            there.touch()
        solids = {name: {"config": value} for name, value in config.items() if value is not None}
        seen = []
        for each, prefix in ((runs, "of_these"), (as_in_process, "of_the_model")):
            folder = tmp_path / prefix
            resources, _ = place(mode, folder, prefix)
            result = each.run(MEMO, {"solids": solids, "resources": resources}, mode, **options)
            seen.append((result, told(each, result, folder, prefix)))
        (result, said), (result_there, said_there) = seen
        assert set(result.executed_step_keys) == expected, config
        assert result.success == result_there.success
        assert set(result.memoized_step_keys) == set(result_there.memoized_step_keys)
        for key, of_step in said_there.items():
            assert said[key] == of_step
        assert said.keys() == said_there.keys()
        if result.success:
            for name in ("total", "unversioned", "numbers", "times"):
                assert result.output_for_solid(name) == result_there.output_for_solid(name)


@pytest.mark.parametrize("damages", [False, True], ids=["deleted", "replaced"])
@pytest.mark.parametrize("mode", ["disk", "bucket"])
def test_a_value_that_goes_while_the_run_goes_on_is_made_again(
    runs: Runs, as_in_process: Runs, mode: str, damages: bool, place: Place, tmp_path: Path
) -> None:
    seen = []
    for each, prefix in ((runs, "of_these"), (as_in_process, "of_the_model")):
        folder = tmp_path / prefix
        resources, where = place(mode, folder, prefix)
        assert each.run(TAMPERED, {"resources": resources}, mode).output_for_solid("far") == "far 0 of near"
        solids = {"far": {"config": 1}, "tampers": {"config": {**where, "damages": damages}}}
        result = each.run(TAMPERED, {"solids": solids, "resources": resources}, mode)
        assert result.output_for_solid("far") == "far 1 of near"
        assert set(result.executed_step_keys) == {"tampers", "far", "near"}
        seen.append(told(each, result, folder, prefix))
    assert seen[0] == seen[1]
