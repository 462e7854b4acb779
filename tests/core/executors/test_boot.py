"""Processes of steps begin with our own modules and Python's, whatever lies in the user's folder."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from core import DagsterInstance, execute_pipeline
from core.loading.pipelines import load_pipeline

PIPELINE = """
from core import ModeDefinition, fs_io_manager, pipeline, solid

@solid
def one():
    import helper_of_ours
    return helper_of_ours.ONE

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def count():
    one()
"""


@pytest.mark.parametrize("name", ["numbers", "json", "selectors", "socket", "msgspec", "typing", "click"])
def test_a_file_of_the_users_may_have_the_name_of_a_module(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in {
        name,
        f"{name}_pipeline_file",
        "helper_of_ours",
    } - sys.modules.keys():  # the file's are forgotten then
        monkeypatch.setitem(sys.modules, known, ModuleType(known))
        del sys.modules[known]
    (tmp_path / f"{name}.py").write_text(PIPELINE)
    (tmp_path / "helper_of_ours.py").write_text("ONE = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        loaded = load_pipeline(tmp_path / f"{name}.py", None)
        result = execute_pipeline(loaded, {"execution": {"multiprocess": {}}}, instance=instance)
        assert result.output_for_solid("one") == 1
