"""The examples in docstrings run as they are written."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from core.types import dagster_type

HAVE_EXAMPLES = {
    "core.config.choices": {"ScalarUnion", "Selector"},
    "core.config.composite": {"Array", "Field", "Noneable", "Permissive", "Shape"},
    "core.config.json_schemas": {"json_schema"},
    "core.config.scaffolds": {"scaffold"},
    "core.config.scalars": {"Enum", "EnumValue"},
    "core.config.schema_texts": {"schema_text"},
    "core.config.sources": {"SourceType"},
    "core.definitions.dependency": {"DependencyDefinition"},
    "core.definitions.input_output": {"InputDefinition", "OutputDefinition"},
    "core.definitions.io_manager": {"io_manager"},
    "core.definitions.pipeline": {"pipeline"},
    "core.definitions.resource": {"make_values_resource", "resource"},
    "core.definitions.solid": {"lambda_solid"},
    "core.events.user_events": {"AssetKey", "AssetMaterialization", "ExpectationResult", "Output", "TypeCheck"},
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


"""Of these modules, the public names that have an example. Examples of others run too."""

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for package in ("core", "cloudstore")
    for file in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]


def test_these_modules_have_examples() -> None:
    assert HAVE_EXAMPLES.keys() <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("THE_PORT", "")
    monkeypatch.setattr(dagster_type, "_registered", {})
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    with_examples = {each.name.removeprefix(f"{module}."): each for each in found if each.examples}
    assert with_examples
    assert with_examples.keys() >= HAVE_EXAMPLES.get(module, set())
    runner = doctest.DocTestRunner(verbose=False)
    for each in with_examples.values():
        runner.run(each)
    assert runner.summarize(verbose=False).failed == 0, capsys.readouterr().out
