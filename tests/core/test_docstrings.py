"""The examples in the docstrings of config and types run as they are written."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from core.types import dagster_type

MODULES = {
    "core.config.choices": {"ScalarUnion", "Selector"},
    "core.config.composite": {"Array", "Field", "Noneable", "Permissive", "Shape"},
    "core.config.json_schemas": {"json_schema"},
    "core.config.scaffolds": {"scaffold"},
    "core.config.scalars": {"Enum", "EnumValue"},
    "core.config.schema_texts": {"schema_text"},
    "core.config.sources": {"SourceType"},
    "core.tables.columns": {"Check", "Column"},
    "core.tables.definition": {"table_type"},
    "core.tables.statistics": {"table_statistics"},
    "core.types.dagster_type": {
        "DagsterType",
        "PythonObjectDagsterType",
        "TypeCheckContext",
        "usable_as_dagster_type",
    },
    "core.types.loaders": {
        "DagsterTypeLoader",
        "DagsterTypeMaterializer",
        "dagster_type_loader",
        "dagster_type_materializer",
    },
    "core.types.resolve": {"check_dagster_type", "make_python_type_usable_as_dagster_type"},
}


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_has_an_example_that_runs(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THE_PORT", "")
    monkeypatch.setattr(dagster_type, "_registered", {})
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    with_examples = [each for each in found if each.examples]
    assert {each.name.removeprefix(f"{module}.") for each in with_examples} == MODULES[module]
    runner = doctest.DocTestRunner(verbose=False)
    for each in with_examples:
        runner.run(each)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out
