"""Versions of what is computed from values that loaders make, and steps whose outputs are materialized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import (
    AssetMaterialization,
    DagsterType,
    Field,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    ResourceDefinition,
    StringSource,
    dagster_type_loader,
    dagster_type_materializer,
    execute_pipeline,
    plan_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.errors import DagsterExecutionLoadInputError, NoFingerprintError
from core.types import List, PythonObjectDagsterType

if TYPE_CHECKING:
    from conftest import FilesystemLab


class Bench:
    """Runs a solid `take` with an input that a loader makes, and a solid `after` that it feeds."""

    def __init__(self, lab: FilesystemLab, of_type: Any, **resource_defs: ResourceDefinition) -> None:
        @solid(input_defs=[InputDefinition("x", of_type)], output_defs=[OutputDefinition(WRITTEN)], version="1")
        def take(x):  # type: ignore[no-untyped-def]
            return str(x)

        @solid(version="1")
        def after(y):  # type: ignore[no-untyped-def]
            return y

        self._lab = lab
        mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager, **resource_defs})
        feeds = {"take": {}, "after": {"y": _from("take")}}
        self.pipeline = PipelineDefinition([take, after], dependencies=feeds, mode_defs=[mode])

    def config(self, x: Any, **take: Any) -> dict[str, Any]:
        return {"solids": {"take": {"inputs": {"x": x}, **take}}, "resources": self._lab.resources}

    def run(self, x: Any, **take: Any) -> PipelineExecutionResult:
        return execute_pipeline(self.pipeline, self.config(x, **take), instance=self._lab.instance, memoize=True)

    def executed(self, x: Any, **take: Any) -> list[str]:
        return self.run(x, **take).executed_step_keys

    def unversioned(self, x: Any) -> str:
        planned = plan_pipeline(self.pipeline, self.config(x), instance=self._lab.instance)
        return planned.versioned.steps[0].unversioned


def _from(name: str) -> Any:
    from core import DependencyDefinition

    return DependencyDefinition(name)


@dagster_type_materializer({"path": str})
def to_file(_context: object, config: Any, value: Any) -> AssetMaterialization:
    Path(config["path"]).write_text(str(value))
    return AssetMaterialization("file")


WRITTEN = DagsterType(lambda _, value: isinstance(value, str), "Written", materializer=to_file)
BOTH, NONE = ["take", "after"], list[str]()


def loaded(**options: Any) -> DagsterType:
    @dagster_type_loader({"path": str, "key": Field(StringSource, is_secret=True, default_value="k")}, **options)
    def read(_context: object, config: Any) -> str:
        return Path(config["path"]).read_text()

    return PythonObjectDagsterType(str, "Loaded", loader=read)


def test_the_loaders_version_and_the_config_count(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in "ab"]
    for path in paths:
        Path(path).write_text(path)
    bench = Bench(disk_lab, loaded(loader_version="1"))
    assert bench.executed({"path": paths[0]}) == BOTH
    assert bench.executed({"path": paths[0]}) == NONE
    assert bench.executed({"path": paths[0], "key": "another secret"}) == NONE
    assert bench.executed({"path": paths[1]}) == BOTH
    assert Bench(disk_lab, loaded(loader_version="2")).executed({"path": paths[0]}) == BOTH


def test_what_is_outside_counts_by_the_function_that_looks_at_it(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    asked: list[Any] = []

    def look(config: Any) -> str:
        asked.append(config["path"])
        return path.read_text()

    bench = Bench(disk_lab, loaded(external_version_fn=look))
    assert bench.executed({"path": str(path)}) == BOTH
    assert asked == [str(path)], "once for each run"
    assert bench.executed({"path": str(path)}) == NONE
    path.write_text("2")
    assert bench.executed({"path": str(path)}) == BOTH
    both = Bench(disk_lab, loaded(external_version_fn=look, loader_version="1"))
    assert both.executed({"path": str(path)})[:1] == ["take"]


def test_a_loader_without_a_version_never_hits_and_plan_says_so(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("1")
    for of_type, config in ((loaded(), {"path": str(path)}), (List[loaded()], [{"path": str(path)}])):
        bench = Bench(disk_lab, of_type)
        assert bench.executed(config) == BOTH
        assert bench.executed(config) == BOTH
        assert bench.unversioned(config) == (
            f"input 'x' is made by the loader of type {of_type.display_name}, which has no version: give it a "
            "loader_version or an external_version_fn"
        )


def test_a_function_that_cannot_tell_a_version(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    def broken(_config: Any) -> str:
        raise OSError("no connection")

    def unknown(_config: Any) -> str:
        raise NoFingerprintError("it is not known")

    with pytest.raises(
        DagsterExecutionLoadInputError, match="The version of a value that the loader of type Loaded makes"
    ) as caught:
        Bench(disk_lab, loaded(external_version_fn=broken)).run({"path": "a"})
    assert isinstance(caught.value.user_exception, OSError)
    assert disk_lab.instance.get_runs() == []
    assert "no version" in Bench(disk_lab, loaded(external_version_fn=unknown)).unversioned({"path": "a"})


def test_the_content_of_a_file_counts(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    path = tmp_path / "five.json"
    path.write_text("5")
    for of_type, config in ((int, {"json": {"path": str(path)}}), (List[int], [1, {"json": {"path": str(path)}}])):
        path.write_text("5")
        bench = Bench(disk_lab, of_type)
        assert bench.executed(config) == BOTH
        assert bench.executed(config) == NONE
        path.write_text("6")
        assert bench.executed(config) == BOTH


def test_a_value_counts_however_it_is_given(disk_lab: FilesystemLab) -> None:
    for of_type, value in ((int, 5), (List[int], [1, 2]), (Any, {"a": 1})):
        bench = Bench(disk_lab, of_type)
        assert bench.executed(value) == BOTH
        assert bench.executed({"value": value}) == NONE


def test_the_resources_of_a_loader_count(disk_lab: FilesystemLab) -> None:
    @dagster_type_loader(str, required_resource_keys={"host"}, loader_version="1")
    def ask(context: Any, question: str) -> str:
        return f"{question} {context.resources.host}"

    answer = PythonObjectDagsterType(str, "Answer", loader=ask)

    def host(name: str, version: str | None = "1") -> ResourceDefinition:
        return ResourceDefinition(lambda _: name, version=version)

    assert Bench(disk_lab, answer, host=host("one")).executed("who") == BOTH
    assert Bench(disk_lab, answer, host=host("one")).executed("who") == NONE
    assert Bench(disk_lab, answer, host=host("two", "2")).executed("who") == BOTH
    assert "resource 'host' has no version" in Bench(disk_lab, answer, host=host("x", None)).unversioned("who")


def test_a_step_whose_output_is_materialized_is_executed(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    path = tmp_path / "out"
    bench = Bench(disk_lab, int)
    assert bench.executed(1) == BOTH
    assert bench.executed(1, outputs=[{"result": {"path": str(path)}}]) == ["take"]
    assert path.read_text() == "1"
    assert bench.executed(1) == NONE, "the version is the same"


def test_plan_says_why_a_step_is_executed_whose_output_is_materialized(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    from core.views.explanations import explain_steps
    from core.views.memoized_runs import planned_run

    bench = Bench(disk_lab, int)
    bench.run(1)
    config = bench.config(1, outputs=[{"result": {"path": str(tmp_path / "out")}}])
    planned = plan_pipeline(bench.pipeline, config, instance=disk_lab.instance)
    run = planned_run(planned.versioned, planned.memoized, planned.step_keys_to_execute)
    told = {each.step_key: each.reasons for each in explain_steps(disk_lab.instance, "pipeline", run, list(run.steps))}
    assert told["take"] == ("the run config has its output `result` materialized, which executing it does",)
