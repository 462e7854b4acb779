"""An instance for a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import DagsterInstance, DagsterInvalidConfigError, DagsterInvariantViolationError, execute_pipeline, pipeline
from core.compute_logs.manager import NoOpComputeLogManager
from core.test_utils import instance_for_test

NO_LOGS = {"compute_logs": {"module": "core.storage.compute_log_manager", "class": "NoOpComputeLogManager"}}


@pipeline
def empty() -> None:
    pass


@pytest.mark.parametrize("before", [None, "/elsewhere"])
def test_it_is_the_home_of_a_block_and_gone_afterwards(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if before is not None:
        monkeypatch.setenv("DAGSTER_HOME", before)
    with instance_for_test() as instance:
        run_id = execute_pipeline(empty, instance=instance).run_id
        folder = Path(os.environ["DAGSTER_HOME"])
        assert folder == Path(instance.root_directory)
        with DagsterInstance.get() as same:
            assert [run.run_id for run in same.get_runs()] == [run_id]
    assert os.environ.get("DAGSTER_HOME") == before
    assert not folder.exists()
    with pytest.raises(ZeroDivisionError), instance_for_test():
        _ = 1 / 0
    assert os.environ.get("DAGSTER_HOME") == before


def test_sections_of_its_settings_are_those_of_commands_too(tmp_path: Path) -> None:
    with instance_for_test(NO_LOGS, temp_dir=str(tmp_path / "home")) as instance, DagsterInstance.get() as same:
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert isinstance(same.compute_log_manager, NoOpComputeLogManager)
    assert (tmp_path / "home" / "dagster.yaml").exists(), "a directory of the caller's stays"
    with instance_for_test(temp_dir=str(tmp_path / "home")) as again:
        assert isinstance(again.compute_log_manager, NoOpComputeLogManager)
    with pytest.raises(DagsterInvariantViolationError, match=r"dagster\.yaml is there already"):
        instance_for_test(NO_LOGS, temp_dir=str(tmp_path / "home")).__enter__()
    with pytest.raises(DagsterInvalidConfigError, match="compute_logz"):
        instance_for_test({"compute_logz": {}}).__enter__()


def test_the_home_may_be_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    with instance_for_test(set_dagster_home=False):
        assert os.environ["DAGSTER_HOME"] == "/elsewhere"
