"""Tables in runs: from files, to files, memoized by their content, and with what the check said in the log."""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterTypeCheckDidNotPass,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    PipelineDefinition,
    execute_pipeline,
    make_python_type_usable_as_dagster_type,
    solid,
    versioned_filesystem_io_manager,
)
from core.events.payloads import StepInputData, StepOutputData
from core.tables import Column, PandasDataFrame, table_type
from core.types import dagster_type
from core.values.codecs.registry import codec_for

COLUMNS = [
    Column("id", int, unique=True),
    Column("day", datetime.datetime, is_required=False),
    Column("date", datetime.date, is_required=False),
]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def passing_on(of_type: Any) -> PipelineDefinition:
    @solid(input_defs=[InputDefinition("table", of_type)], output_defs=[OutputDefinition(of_type)], version="1")
    def take(table):  # type: ignore[no-untyped-def]
        return table

    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    return PipelineDefinition([take], mode_defs=[mode])


def config(file: Any, *outputs: Any) -> dict[str, Any]:
    return {"solids": {"take": {"inputs": {"table": file}, "outputs": [{"result": each} for each in outputs]}}}


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table_goes_through_files_of_each_kind(library: str, instance: DagsterInstance, tmp_path: Path) -> None:
    of_type = table_type("Days", COLUMNS, library=library)
    placed = passing_on(of_type)
    (tmp_path / "in.csv").write_text("id;day;date\n1;2026-01-02;2026-02-02\n2;2026-01-03;2026-02-03\n")
    given = {"csv": {"path": str(tmp_path / "in.csv"), "separator": ";"}}
    files = [{kind: {"path": str(tmp_path / f"out.{kind}")}} for kind in ("csv", "table", "parquet")]
    first = execute_pipeline(placed, config(given, *files), instance=instance).output_for_solid("take")
    assert list(first["id"]) == [1, 2]
    assert (tmp_path / "out.table").read_text().startswith("id\tday\tdate\n1\t2026-01-02")
    for file in files:
        again = execute_pipeline(placed, config(file), instance=instance).output_for_solid("take")
        assert again.equals(first)


def test_the_content_of_the_file_counts_for_versions(instance: DagsterInstance, tmp_path: Path) -> None:
    path, placed = tmp_path / "in.csv", passing_on(PandasDataFrame)
    file = {"csv": {"path": str(path)}}
    for content, executed in (("a\n1\n", ["take"]), ("a\n1\n", []), ("a\n2\n", ["take"])):
        path.write_text(content)
        assert execute_pipeline(placed, config(file), instance=instance, memoize=True).executed_step_keys == executed


def test_what_the_check_says_is_kept_with_the_events(instance: DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id\n1\n1\n")
    file = {"csv": {"path": str(tmp_path / "in.csv")}}
    placed = passing_on(table_type("Ids", [Column("id", int)]))
    result = execute_pipeline(placed, config(file), instance=instance)
    stored = [entry.dagster_event for entry in instance.all_logs(result.run_id)]
    data = [event.event_specific_data for event in stored if event is not None]
    for kind in (StepInputData, StepOutputData):
        [found] = [each for each in data if isinstance(each, kind)]
        told = {entry.label: entry.entry_data for entry in found.type_check_metadata}
        assert told["rows"].value == 2  # type: ignore[union-attr]
        assert found.type_check_data.metadata_entries == found.type_check_metadata
        assert told["columns"].data == {"id": {"dtype": "int64", "missing": 0, "min": 1, "max": 1}}  # type: ignore[union-attr]
    with pytest.raises(
        DagsterTypeCheckDidNotPass, match="Input 'table' of step 'take': not kept: column 'id' has unique"
    ):
        execute_pipeline(passing_on(table_type("Ids", [Column("id", unique=True)])), config(file), instance=instance)
    failed = [entry.dagster_event for run in instance.get_runs(limit=1) for entry in instance.all_logs(run.run_id)]
    [found] = [
        each.event_specific_data
        for each in failed
        if each is not None and isinstance(each.event_specific_data, StepInputData)
    ]
    assert not found.type_check_success
    assert found.type_check_metadata[0].entry_data.data[0]["rows"] == [[0, "1"], [1, "1"]]  # type: ignore[union-attr]


def test_frames_in_annotations(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_type, "_registered", {})
    make_python_type_usable_as_dagster_type(pd.DataFrame, PandasDataFrame)

    @solid
    def make(_) -> pd.DataFrame:  # type: ignore[no-untyped-def]
        return pl.DataFrame()

    with pytest.raises(DagsterTypeCheckDidNotPass, match=r"expected a pandas\.DataFrame, got"):
        execute_pipeline(PipelineDefinition([make]), instance=instance)


def test_tables_are_kept_as_parquet_where_the_type_decides() -> None:
    polars_type = table_type("T", library="polars")
    for of_type, table in ((PandasDataFrame, pd.DataFrame({"x": [1]})), (polars_type, pl.DataFrame({"x": [1]}))):
        assert codec_for({}, of_type, table).name == "parquet"
    assert codec_for({}, polars_type, pd.DataFrame({"x": [1]})).name == "pickle"


def test_files_that_a_run_config_names_wrongly(instance: DagsterInstance) -> None:
    with pytest.raises(
        DagsterInvalidConfigError, match=r"table: expected exactly one of csv, parquet, table, got none"
    ):
        execute_pipeline(passing_on(PandasDataFrame), config({}), instance=instance)
    with pytest.raises(FileNotFoundError):
        execute_pipeline(passing_on(PandasDataFrame), config({"csv": {"path": "none.csv"}}), instance=instance)


def test_the_libraries_are_imported_by_those_who_use_them() -> None:
    code = """
import sys
import core.tables
core.tables.table_type("T", [core.tables.Column("x", int)], library="polars")
assert not core.check_dagster_type(core.tables.PandasDataFrame, 1).success
assert not {"pandas", "polars", "numpy", "pyarrow"} & set(sys.modules)
sys.modules["pandas"] = None
from core.errors import DagsterMissingExtraError
try:
    core.tables.PandasDataFrame.loader.construct_from_config_value(None, {"csv": {"path": "x", "separator": ","}})
except DagsterMissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("Tables of pandas need pandas, which cannot be imported (")
    assert done.stdout.endswith("Install it: pip install 'cloudstore[tables]'\n")
