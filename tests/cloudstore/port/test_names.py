"""What Dagster 0.11 had is here by the same name, or it is said what to use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cloudstore
import core
from cloudstore.port.names import advice_on, home_of_class, home_of_module, home_of_name, is_of_dagster
from core import absent

OF_DAGSTER = sorted(set(absent._OF_DAGSTER) - set(core.__all__))
OF_S3 = sorted(set(absent._OF_S3) - set(cloudstore.__all__))


@pytest.mark.parametrize(
    ("package", "names"), [("core", OF_DAGSTER), ("cloudstore", OF_S3)], ids=["core", "cloudstore"]
)
def test_a_name_that_is_not_here_says_so_and_what_to_use(package: str, names: list[str]) -> None:
    """By `import`, and where it is asked of the package; to `hasattr` it is just not there."""
    code = (
        f"import {package}\nfor name in {names}:\n"
        f"    assert not hasattr({package}, name), name\n"
        f"    try: getattr({package}, name)\n    except AttributeError as error: told = str(error)\n"
        f"    try: exec(f'from {package} import {{name}}')\n"
        "    except ImportError as error: assert str(error) == told; print(told)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    module = {"core": "dagster", "cloudstore": "dagster_aws.s3"}[package]
    assert done.stdout.splitlines() == [
        f"{name!r} of Dagster 0.11 is not in {package!r}. {absent.advice_on_name(module, name)}" for name in names
    ]


def test_a_name_that_nobody_expects_is_an_ordinary_mistake() -> None:
    with pytest.raises(ImportError, match=r"^cannot import name 'nonsense' from 'core'"):
        exec("from core import nonsense")
    with pytest.raises(AttributeError, match=r"^module 'core' has no attribute 'nonsense'$"):
        exec("import core\ncore.nonsense")


def test_advice_is_sentences() -> None:
    for table in (absent._OF_DAGSTER, absent._OF_S3, absent._OF_PACKAGES):
        for name, advice in table.items():
            assert advice[0].isupper(), name
            assert advice.endswith("."), name


@pytest.mark.parametrize(
    ("module", "name", "home"),
    [
        ("dagster", "solid", "core"),
        ("dagster.core.definitions", "solid", "core"),
        ("dagster.core.storage.runs", "SqliteRunStorage", "core.storage.runs"),
        ("dagster.core.storage.root", "LocalArtifactStorage", "core.storage.root"),
        ("dagster.core.instance", "InstanceRef", "core"),
        ("dagster.serdes", "ConfigurableClass", "core.serdes"),
        ("dagster.core.errors", "user_code_error_boundary", "core.errors"),
        ("dagster.utils.merger", "merge_dicts", "core.utils.merger"),
        ("dagster.core", "storage", "core"),
        ("dagster_aws.s3", "s3_resource", "cloudstore"),
        ("dagster_aws.s3.resources", "s3_resource", "cloudstore"),
        ("dagster_aws.s3.compute_log_manager", "S3ComputeLogManager", "cloudstore"),
        ("dagster_postgres.run_storage", "PostgresRunStorage", "core.storage.postgres"),
        ("dagster_slack", "slack_resource", None),
        ("dagster_aws.emr", "s3_resource", None),
        ("dagster", "nonsense", None),
    ],
)
def test_where_a_name_is(module: str, name: str, home: str | None) -> None:
    assert home_of_name(module, name) == home
    assert is_of_dagster(module)


def test_where_modules_and_classes_are() -> None:
    assert home_of_module("dagster.core.storage.runs") == "core.storage.runs"
    assert home_of_module("dagster_aws.s3") == "cloudstore"
    assert home_of_module("dagster_shell") is None
    assert (
        home_of_class("dagster_aws.s3.compute_log_manager", "S3ComputeLogManager") == "cloudstore.compute_log_manager"
    )
    assert home_of_class("dagster.core.storage.file_manager", "LocalFileManager") == "core.storage.file_manager"
    assert not is_of_dagster("dagsterish")
    assert not is_of_dagster("my.dagster")
    assert advice_on("dagster_shell.solids", "x") == absent.advice_on_package("dagster_shell")


def test_what_is_in_a_module_without_counterpart_is_advised_on_as_that_is() -> None:
    assert (
        advice_on("dagster.check", "str_param")
        == advice_on("dagster", "check")
        == absent.advice_on_name("dagster", "check")
    )
    assert advice_on("dagster.seven", "json").startswith("It was no public name")
