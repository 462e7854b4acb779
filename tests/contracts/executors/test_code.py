"""Where pipelines come from: files, modules, repositories, functions with arguments, and the program itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import PipelineDefinition, PipelineExecutionResult
from core.definitions.reconstructable import build_reconstructable_pipeline
from core.loading.pipelines import load_pipeline
from tests.contracts.executors.conftest import Runs

CODE = """
import sys
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple

from core import ModeDefinition, default_executors, fs_io_manager, pipeline, repository, solid
from core.executors.dask import dask_executor
from helper import SCALE

@dataclass(frozen=True)
class Point:
    x: int

class Pair(NamedTuple):
    first: Point
    second: Point

class OwnError(Exception):
    def __init__(self, point):
        super().__init__(point)
        self.point = point

@solid(config_schema={"x": int})
def point(context):
    return Point(SCALE * context.solid_config["x"])

@solid
def pair(point: Point) -> Pair:
    if point.x > 100:
        raise OwnError(point)
    return Pair(point, Point(len(sys.argv)))

EXECUTORS = [*default_executors, dask_executor]
MODES = [ModeDefinition(resource_defs={"io_manager": fs_io_manager}, executor_defs=EXECUTORS)]

@pipeline(mode_defs=MODES)
def pairs():
    pair(point())

@pipeline(mode_defs=MODES)
def points():
    point()

@repository
def all_of_them():
    return [pairs, points]

def named(name, *, x=1):
    @pipeline(name=name, mode_defs=MODES)
    def inside():
        pair(point.configured({"x": x}, name="point")())
    return inside
"""

PROGRAM = (
    CODE
    + """
if __name__ == "__main__":
    import json
    from core import DagsterInstance, execute_pipeline, reconstructable
    execution = json.loads(sys.argv[1])
    with DagsterInstance.get() as instance:
        def run(x):
            config = {"solids": {"point": {"config": {"x": x}}}, **execution}
            return execute_pipeline(reconstructable(pairs), config, instance=instance)
        result = run(2)
        value = result.output_for_solid("pair")
        assert isinstance(value, Pair) and value == Pair(Point(6), Point(2)), value
        try:
            run(1000)
        except OwnError as error:
            assert error.point == Point(3000), error.point
            print("as here")
"""
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "helper.py").write_text("SCALE = 3\n")
    (folder / "pairs_of_points.py").write_text(CODE)
    return folder / "pairs_of_points.py"


def run(runs: Runs, pipeline: PipelineDefinition, x: int = 2) -> PipelineExecutionResult:
    return runs.run(pipeline, {"solids": {"point": {"config": {"x": x}}}})


@pytest.mark.parametrize("attribute", ["pairs", "all_of_them.pairs"])
def test_a_file(runs: Runs, code: Path, attribute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(code.parent)
    pipeline = load_pipeline(Path(code.name), attribute)
    module = sys.modules["pairs_of_points"]
    try:
        monkeypatch.chdir("/")
        value = run(runs, pipeline).output_for_solid("pair")
        assert type(value) is module.Pair
        assert value.first == module.Point(6)
        failed = runs.run(pipeline, {"solids": {"point": {"config": {"x": 100}}}})
        assert failed.result_for_solid("pair").failure_data.error.cause.cls_name == "OwnError"
        with pytest.raises(module.OwnError) as raised:
            runs.run(pipeline, {"solids": {"point": {"config": {"x": 100}}}}, raise_on_error=True)
        assert raised.value.point == module.Point(300)
    finally:
        for name in ("pairs_of_points", "helper"):
            sys.modules.pop(name, None)


def test_a_function_with_arguments(runs: Runs, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(code.parent))
    try:
        pipeline = build_reconstructable_pipeline("pairs_of_points", "named", ["made"], {"x": 5})
        assert runs.run(pipeline).output_for_solid("pair").first.x == 15
    finally:
        for name in ("pairs_of_points", "helper"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("how", ["file", "module"])
def test_the_program_itself(
    runs: Runs, sections: Callable[[], dict[str, Any]], code: Path, how: str, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text(json.dumps(sections()))
    program = code.parent / "package" / "program.py" if how == "module" else code.with_name("program.py")
    program.parent.mkdir(exist_ok=True)
    program.write_text(PROGRAM)
    execution: dict[str, Any] = {"execution": runs.config()["execution"]}
    called = ["-m", "package.program"] if how == "module" else [str(program)]
    done = subprocess.run(
        [sys.executable, *called, json.dumps(execution)],
        cwd=code.parent,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("as here\n", 0), done.stderr
