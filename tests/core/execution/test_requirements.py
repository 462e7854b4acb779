"""What an executor needs of a run is asked of the definitions, before anything is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core import (
    DagsterInstance,
    DagsterUnmetExecutorRequirementsError,
    Executor,
    ExecutorRequirement,
    InitExecutorContext,
    IOManager,
    IOManagerDefinition,
    ModeDefinition,
    Nothing,
    OutputDefinition,
    PipelineDefinition,
    execute_pipeline,
    executor,
    fs_io_manager,
    in_process_executor,
    io_manager,
    mem_io_manager,
    resource,
    solid,
)
from core.loading.pipelines import load_pipeline
from core.records.origin import LoadableTargetOrigin, PipelinePythonOrigin


class Shelf(IOManager):
    """Keeps values, where nobody else finds them."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def handle_output(self, context: Any, obj: Any) -> None:
        self._values[context.step_key] = obj

    def load_input(self, context: Any) -> Any:
        return self._values[context.upstream_output.step_key]


@io_manager(is_persistent=False)
def shelf(_init_context: Any) -> Shelf:
    return Shelf()


@io_manager({"row": int}, is_persistent=False)
def shelf_with_rows(_init_context: Any) -> Shelf:
    return Shelf()


@io_manager
def silent(_init_context: Any) -> Shelf:
    return Shelf()


@resource
def plain(_init_context: Any) -> Shelf:
    return Shelf()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as made:
        yield made


def in_process(init_context: InitExecutorContext) -> Executor:
    config = {"retries": {"enabled": {}}}
    assert in_process_executor.executor_creation_fn is not None
    return in_process_executor.executor_creation_fn(msgspec.structs.replace(init_context, executor_config=config))


def needing(requirement: ExecutorRequirement, io_manager_key: str = "io_manager", **resources: Any) -> Any:
    @executor(requirements=[requirement])
    def picky(init_context: Any) -> Any:
        return in_process(init_context)

    @solid(output_defs=[OutputDefinition(io_manager_key=io_manager_key)])
    def give(_: Any) -> int:
        return 1

    return PipelineDefinition([give], "picked", mode_defs=[ModeDefinition(None, resources, executor_defs=[picky])])


@pytest.mark.parametrize(
    "kept", [mem_io_manager, shelf, shelf_with_rows.configured({"row": 1})], ids=["built-in", "own", "configured"]
)
def test_values_that_stay_in_the_process_are_refused(instance: DagsterInstance, kept: IOManagerDefinition) -> None:
    asking = needing(ExecutorRequirement.PERSISTENT_OUTPUTS, "kept", kept=kept)
    with pytest.raises(DagsterUnmetExecutorRequirementsError, match="the IO manager 'kept' keeps them in"):
        execute_pipeline(asking, instance=instance)
    assert instance.get_runs() == []


def test_so_are_those_of_the_default_io_manager_and_of_a_storage_in_memory(instance: DagsterInstance) -> None:
    asking = needing(ExecutorRequirement.PERSISTENT_OUTPUTS)
    with pytest.raises(DagsterUnmetExecutorRequirementsError, match="the IO manager 'io_manager' keeps them"):
        execute_pipeline(asking, instance=instance)
    with pytest.raises(DagsterUnmetExecutorRequirementsError, match="the intermediate storage 'in_memory' keeps them"):
        execute_pipeline(asking, {"intermediate_storage": {"in_memory": {}}}, instance=instance)


@pytest.mark.parametrize("kept", [fs_io_manager, silent, plain], ids=["on the disk", "own", "a plain resource"])
def test_values_that_may_leave_it_are_accepted(instance: DagsterInstance, kept: Any) -> None:
    asking = needing(ExecutorRequirement.PERSISTENT_OUTPUTS, io_manager=kept)
    assert execute_pipeline(asking, instance=instance).success


def test_a_storage_on_the_disk_is_accepted(instance: DagsterInstance) -> None:
    asking = needing(ExecutorRequirement.PERSISTENT_OUTPUTS)
    assert execute_pipeline(asking, {"intermediate_storage": {"filesystem": {}}}, instance=instance).success


def test_an_io_manager_that_no_output_uses_does_not_matter(instance: DagsterInstance) -> None:
    asking = needing(ExecutorRequirement.PERSISTENT_OUTPUTS, io_manager=fs_io_manager, unused=shelf)
    assert execute_pipeline(asking, instance=instance).success


def test_an_output_that_carries_no_value_needs_none(instance: DagsterInstance) -> None:
    @executor(requirements=[ExecutorRequirement.PERSISTENT_OUTPUTS])
    def picky(init_context: Any) -> Any:
        return in_process(init_context)

    @solid(output_defs=[OutputDefinition(Nothing)])
    def write_report(_: Any) -> None:
        pass

    mode = ModeDefinition(executor_defs=[picky])
    assert execute_pipeline(PipelineDefinition([write_report], "reports", mode_defs=[mode]), instance=instance).success


def test_an_instance_in_memory_is_refused_where_others_must_open_it(instance: DagsterInstance) -> None:
    asking = needing(ExecutorRequirement.NON_EPHEMERAL_INSTANCE)
    assert execute_pipeline(asking, instance=instance).success
    with DagsterInstance.ephemeral() as ephemeral:
        with pytest.raises(DagsterUnmetExecutorRequirementsError, match="set DAGSTER_HOME to a directory"):
            execute_pipeline(asking, instance=ephemeral)
        assert ephemeral.get_runs() == []


PIPELINE_FILE = """
from core import ExecutorRequirement, Field, ModeDefinition, executor, in_process_executor, pipeline, solid

@executor(
    config_schema={"retries": Field({"enabled": Field({}, is_required=False)}, default_value={"enabled": {}})},
    requirements=[ExecutorRequirement.RECONSTRUCTABLE_PIPELINE],
)
def picky(init_context):
    return in_process_executor.executor_creation_fn(init_context)

@solid
def give(_):
    return 1

@pipeline(mode_defs=[ModeDefinition(executor_defs=[picky])])
def picked():
    give()
"""


def test_a_pipeline_is_accepted_where_it_is_known_how_others_load_it(
    instance: DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "picked_pipeline.py").write_text(PIPELINE_FILE, "utf-8")
    loaded = load_pipeline(tmp_path / "picked_pipeline.py", None)
    assert execute_pipeline(loaded, instance=instance).success
    assert loaded.python_origin is not None
    target = loaded.python_origin.loadable_target_origin
    assert (target.python_file, target.attribute) == (str(tmp_path / "picked_pipeline.py"), "picked")
    made_here = needing(ExecutorRequirement.RECONSTRUCTABLE_PIPELINE)
    with pytest.raises(DagsterUnmetExecutorRequirementsError, match="a pipeline that other processes can load"):
        execute_pipeline(made_here, instance=instance)


def test_all_that_is_missing_is_named_at_once() -> None:
    @executor(requirements=list(ExecutorRequirement))
    def picky(init_context: Any) -> Any:
        return in_process(init_context)

    @solid
    def give(_: Any) -> int:
        return 1

    asking = PipelineDefinition([give], "picked", mode_defs=[ModeDefinition(executor_defs=[picky])])
    with pytest.raises(DagsterUnmetExecutorRequirementsError) as refused:
        execute_pipeline(asking)
    for word in ("'picky'", "'picked'", "cloudstore run -f", "DAGSTER_HOME", "fs_io_manager"):
        assert word in str(refused.value)


SAID = {
    "RECONSTRUCTABLE_PIPELINE": "It needs a pipeline that other processes can load, and it is not known where this one "
    "was loaded from: run it with `cloudstore run -f FILE`, or give execute_pipeline reconstructable(...) of it.",
    "NON_EPHEMERAL_INSTANCE": "It needs an instance that other processes can open, and this one is in the memory of "
    "this process: set DAGSTER_HOME to a directory and use DagsterInstance.get().",
    "PERSISTENT_OUTPUTS": "It needs values that other processes can load, and the IO manager 'io_manager' keeps them "
    "in this process: use fs_io_manager, or an IO manager for a bucket.",
}


@pytest.mark.parametrize("lacking", [frozenset(each) for n in range(1, 4) for each in combinations(SAID, n)])
def test_what_the_multiprocess_executor_lacks_is_said_in_a_sentence_each_before_anything_starts(
    lacking: frozenset[str], instance: DagsterInstance
) -> None:
    begun: list[str] = []

    @resource
    def told(_init_context: Any) -> None:
        begun.append("a resource")

    @solid(required_resource_keys={"told"})
    def give(_: Any) -> int:
        begun.append("a step")
        return 1

    kept = {} if "PERSISTENT_OUTPUTS" in lacking else {"io_manager": fs_io_manager}
    asked = PipelineDefinition([give], "asked", mode_defs=[ModeDefinition(resource_defs={"told": told, **kept})])
    if "RECONSTRUCTABLE_PIPELINE" not in lacking:
        asked = asked.loaded_from(PipelinePythonOrigin(LoadableTargetOrigin(module_name="nowhere"), "asked"))
    with DagsterInstance.ephemeral() if "NON_EPHEMERAL_INSTANCE" in lacking else instance as used:
        with pytest.raises(DagsterUnmetExecutorRequirementsError) as refused:
            execute_pipeline(asked, {"execution": {"multiprocess": {}}}, instance=used)
        assert (begun, used.get_runs()) == ([], [])
    sentences = [SAID[name] for name in SAID if name in lacking]
    assert str(refused.value) == " ".join(["Executor 'multiprocess' cannot run pipeline 'asked'.", *sentences])
