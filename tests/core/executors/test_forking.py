"""Libraries that start threads when they are imported, and see to forks themselves, cost no process for each step."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import DagsterInstance, execute_pipeline
from core.loading.pipelines import load_pipeline

PIPELINE = """
import {module}
from core import ModeDefinition, fs_io_manager, pipeline, solid

@solid
def add_up():
    import numpy, pyarrow, pyarrow.compute
    numbers = numpy.random.random((300, 300))
    assert (numbers @ numbers).shape == (300, 300)
    return pyarrow.compute.sum(pyarrow.array(range(100_000))).as_py()

@pipeline(mode_defs=[ModeDefinition(resource_defs={{"io_manager": fs_io_manager}})])
def sums():
    for number in range(3):
        add_up.alias(f"sum_{{number}}")()
"""


@pytest.mark.parametrize("module", ["numpy", "pyarrow", "pandas"])
def test_what_is_forked_well_is_forked(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sums_of_ours.py").write_text(PIPELINE.format(module=module))
    monkeypatch.syspath_prepend(str(tmp_path))
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        loaded = load_pipeline(tmp_path / "sums_of_ours.py", None)
        result = execute_pipeline(loaded, {"execution": {"multiprocess": {}}}, instance=instance)
        assert [result.output_for_solid(f"sum_{number}") for number in range(3)] == [sum(range(100_000))] * 3
        assert [event for event in result.event_list if "loads the pipeline anew" in str(event.message)] == []
