"""Classes named in YAML: found, checked, made; or refused with what is wrong."""

from __future__ import annotations

import sys
import types
import uuid
from pathlib import Path
from typing import Any

import pytest

from core.config import Field, IntSource, StringSource
from core.errors import DagsterInvalidConfigError
from core.serdes import ConfigurableClass, ConfigurableClassData

MODULE = "core_tests_configurable_classes"


class Part(ConfigurableClass):
    def __init__(self, inst_data: ConfigurableClassData | None, **config: Any) -> None:
        self._inst_data = inst_data
        self.config = config

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"name": StringSource, "size": Field(IntSource, default_value=7)}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> Part:
        return Part(inst_data, **config_value)


class FreePart(Part):
    @classmethod
    def config_type(cls) -> Any:
        return None


class Bare(ConfigurableClass):
    inst_data = None


class Wrong(Part):
    @classmethod
    def config_type(cls) -> Any:
        return 1 / 0


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    made = types.ModuleType(MODULE)
    vars(made).update({"Part": Part, "FreePart": FreePart, "Bare": Bare, "Wrong": Wrong, "Other": dict, "VALUE": 3})
    monkeypatch.setitem(sys.modules, MODULE, made)


def test_makes_the_object_with_defaults_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORE_TESTS_PART_NAME", "from outside")
    data = ConfigurableClassData(MODULE, "Part", "name: {env: CORE_TESTS_PART_NAME}\n")
    part = data.rehydrate()
    assert part.config == {"name": "from outside", "size": 7}
    assert part.inst_data is data
    assert "from outside" not in repr(data)


@pytest.mark.parametrize("text", ["", "{}", "null", "# nothing\n"])
def test_without_a_schema_any_mapping_goes(text: str) -> None:
    assert ConfigurableClassData(MODULE, "FreePart", text).rehydrate().config == {}
    assert ConfigurableClassData(MODULE, "FreePart", "{a: {b: [1]}}").rehydrate().config == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("module_name", "class_name", "config", "messages"),
    [
        ("no_such_module_here", "Part", "{}", ["Cannot import module 'no_such_module_here'", "No module named"]),
        ("", "Part", "{}", ["odule ''"]),
        (".relative", "Part", "{}", ["odule '.relative'"]),
        (f"{MODULE}.sub", "Part", "{}", [f"Cannot import module '{MODULE}.sub'"]),
        (MODULE, "Nope", "{}", [f"Module '{MODULE}' has no class 'Nope'."]),
        (MODULE, "Other", "{}", [f"{MODULE}.Other is not a ConfigurableClass."]),
        (MODULE, "VALUE", "{}", [f"{MODULE}.VALUE is not a ConfigurableClass."]),
        (MODULE, "Part", "{nam: x}", [f"Invalid config of {MODULE}.Part, 1 error", "did you mean 'name'?"]),
        (MODULE, "Part", "{name: x, size: y}", ["size: expected IntSource or {env: NAME}, got 'y' (str)"]),
        (MODULE, "Part", "[1]", ["expected a mapping with keys name, size"]),
        (MODULE, "Part", "{", [f"config of {MODULE}.Part is not YAML: line 1, column 2"]),
        (MODULE, "Part", "!!python/object/apply:os.system ['true']", ["is not YAML: line 1, column 1"]),
        (MODULE, "Bare", "{}", [f"{MODULE}.Bare cannot be used: it does not define config_type, from_config_value."]),
        (MODULE, "Wrong", "{}", [f"{MODULE}.Wrong.config_type() does not return a config schema: ZeroDivisionError"]),
        (
            "dagster.core.scheduler",
            "SystemCronScheduler",
            "{}",
            ["Here that module is called 'core.scheduler'."],
        ),
        ("core.scheduler", "NoScheduler", "{}", ["no class 'NoScheduler'."]),
        ("dagster.core.storage.runs", "SqliteRunStorage", "{}", ["Here that module is called 'core.storage.runs'."]),
        (
            "dagster_aws.s3.compute_log_manager",
            "S3ComputeLogManager",
            "{}",
            ["Here that module is called 'cloudstore.compute_log_manager'."],
        ),
        ("dagster_aws.s3", "S3ComputeLogManager", "{}", ["Here that module is called 'cloudstore'."]),
        *(
            (module, name, "{}", ["Here that module is called 'core.storage.postgres'."])
            for module, name in (
                ("dagster_postgres", "PostgresRunStorage"),
                ("dagster_postgres.run_storage", "PostgresRunStorage"),
                ("dagster_postgres.event_log", "PostgresEventLogStorage"),
                ("dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
            )
        ),
        ("dagster.no_such.module", "Thing", "{}", ["No module named 'dagster'."]),
    ],
)
def test_what_is_wrong_is_said(module_name: str, class_name: str, config: str, messages: list[str]) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        ConfigurableClassData(module_name, class_name, config).rehydrate()
    assert all(message in str(caught.value) for message in messages), str(caught.value)
    assert ("Here that module" in str(caught.value)) == any("Here that module" in message for message in messages)


def test_the_module_of_another_project_that_is_installed_gets_the_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = types.ModuleType("dagster_postgres")
    vars(installed)["PostgresRunStorage"] = dict
    monkeypatch.setitem(sys.modules, "dagster_postgres", installed)
    with pytest.raises(DagsterInvalidConfigError, match=r"not a ConfigurableClass\. Here that module is called"):
        ConfigurableClassData("dagster_postgres", "PostgresRunStorage", "{}").rehydrate()


def test_its_yaml_is_in_no_repr() -> None:
    data = ConfigurableClassData(MODULE, "Part", "{name: hunter2}")
    assert repr(data) == f"ConfigurableClassData(module_name='{MODULE}', class_name='Part', config_yaml=…)"
    assert "hunter2" not in f"{data} {[data]} {data.__rich_repr__()}"


@pytest.mark.parametrize("source", ["1 / 0", "raise KeyError('x')", "def broken(:"])
def test_a_module_that_raises_when_it_is_imported(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"core_tests_broken_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DagsterInvalidConfigError) as caught:
        ConfigurableClassData(name, "Part", "{}").rehydrate()
    assert f"odule '{name}'" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert type(caught.value.__cause__).__name__ in str(caught.value)


def test_a_module_that_cannot_import_the_class_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}")

    vars(sys.modules[MODULE])["__getattr__"] = load
    with pytest.raises(DagsterInvalidConfigError, match=f"Cannot import module '{MODULE}': No module named 'Lazy'"):
        ConfigurableClassData(MODULE, "Lazy", "{}").rehydrate()


def test_a_module_that_is_unknown_for_another_reason_gets_no_hint() -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        ConfigurableClassData("dagsterish.x", "Part", "{}").rehydrate()
    assert "called" not in str(caught.value)
