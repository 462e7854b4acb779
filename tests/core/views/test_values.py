"""Stored values, with how many runs used each."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid, versioned_filesystem_io_manager
from core.execution.memo.managers import memoizable_managers
from core.retention.wipe import list_versions
from core.views.values import ValueReport, report_values


@solid(version="1", config_schema={"number": int})
def number(context):
    return context.solid_config["number"]


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
def numbers():
    number()


def config(value: int) -> dict[str, object]:
    return {"solids": {"number": {"config": {"number": value}}}}


def reports(instance: DagsterInstance) -> list[ValueReport]:
    with memoizable_managers(numbers, None, {}, instance) as managers:
        return report_values(instance, [each.stored for each in list_versions(managers)])


@pytest.mark.parametrize("runs", [[1], [1, 1], [1, 1, 2]], ids=str)
def test_each_value_says_how_many_runs_used_it(tmp_path: Path, runs: list[int]) -> None:
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert reports(instance) == []
        for value in runs:
            execute_pipeline(numbers, config(value), instance=instance, memoize=True)
        listed = reports(instance)
        assert [each.used_by_runs for each in listed] == [runs.count(value) for value in dict.fromkeys(runs)]
        for each in listed:
            assert (each.step_key, each.output_name, each.mapping_key) == ("number", "result", None)
            assert each.size_bytes == Path(each.address).stat().st_size
            assert each.address.endswith(each.version)
            assert each.stored_at.tzinfo is not None
