"""Values in files whose paths the outputs say, and intermediate storages as IO managers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    IOManagerDefinition,
    ModeDefinition,
    OutputDefinition,
    PipelineDefinition,
    build_init_resource_context,
    build_input_context,
    build_output_context,
    custom_path_fs_io_manager,
    execute_pipeline,
    fs_intermediate_storage,
    intermediate_storage,
    io_manager_from_intermediate_storage,
    mem_intermediate_storage,
    pipeline,
    reexecute_pipeline,
    resource,
    solid,
)
from core.resources.intermediate_storages import build_intermediate_storage_from_object_store
from core.values.object_store import InMemoryObjectStore


@solid(output_defs=[OutputDefinition(metadata={"path": "folder/rows.pickle"})])
def rows() -> list[int]:
    return [1, 2]


@solid(output_defs=[OutputDefinition(metadata={"path": "total.json", "codec": "json"})])
def total(rows: list) -> int:  # type: ignore[type-arg]
    return sum(rows)


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": custom_path_fs_io_manager})])
def totals() -> None:
    total(rows())


def test_values_are_where_the_outputs_say(tmp_path: Path) -> None:
    config = {"resources": {"io_manager": {"config": {"base_dir": str(tmp_path)}}}}
    for _ in range(2):
        result = execute_pipeline(totals, config)
        assert result.output_for_solid("total") == 3
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "folder/rows.pickle",
        "total.json",
    ]
    assert pickle.loads((tmp_path / "folder" / "rows.pickle").read_bytes()) == [1, 2]
    [stored, _] = [event.event_specific_data.address for event in result.event_list if event.is_handled_output]  # type: ignore[union-attr]
    assert stored == str(tmp_path / "folder" / "rows.pickle")


def test_without_config_they_are_in_the_directory_of_the_instance(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        execute_pipeline(totals, instance=instance)
        assert (Path(instance.storage_directory()) / "folder" / "rows.pickle").is_file()


@pytest.mark.parametrize("path", [None, "", 3, "/etc/passwd", "../outside", "a/../../outside"])
def test_a_path_is_needed_that_stays_below_the_directory(path: Any, tmp_path: Path) -> None:
    manager = custom_path_fs_io_manager(build_init_resource_context(config={"base_dir": str(tmp_path / "base")}))
    context = build_output_context(step_key="a", run_id="r", metadata={} if path is None else {"path": path})
    with pytest.raises(DagsterInvariantViolationError, match=r"must say where its value is kept|lies outside"):
        manager.handle_output(context, 1)
    assert list(tmp_path.rglob("*")) == []


def test_the_values_of_a_dynamic_output_do_not_meet(tmp_path: Path) -> None:
    manager = custom_path_fs_io_manager(build_init_resource_context(config={"base_dir": str(tmp_path)}))
    contexts = [build_output_context(step_key="a", run_id="r", metadata={"path": "p"}, mapping_key=key) for key in "xy"]
    for number, context in enumerate(contexts):
        manager.handle_output(context, number)
    assert [manager.load_input(build_input_context(upstream_output=each)) for each in contexts] == [0, 1]


def using(manager: IOManagerDefinition, **resources: Any) -> PipelineDefinition:
    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": manager, **resources})])
    def with_storage() -> None:
        total(rows())

    return with_storage


@pytest.mark.parametrize("storage", [mem_intermediate_storage, fs_intermediate_storage], ids=["mem", "fs"])
def test_an_intermediate_storage_is_an_io_manager(storage: Any, tmp_path: Path) -> None:
    manager = io_manager_from_intermediate_storage(storage)
    assert (manager.is_persistent, manager.description) == (storage.is_persistent, storage.description)
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        result = execute_pipeline(using(manager), instance=instance)
        assert result.output_for_solid("total") == 3
        if storage is fs_intermediate_storage:
            again = reexecute_pipeline(using(manager), result.run_id, step_selection=["total"], instance=instance)
            assert again.output_for_solid("total") == 3


def test_its_config_and_resources_are_those_of_the_storage(tmp_path: Path) -> None:
    manager = io_manager_from_intermediate_storage(fs_intermediate_storage)
    config = {"resources": {"io_manager": {"config": {"base_dir": str(tmp_path / "values")}}}}
    assert execute_pipeline(using(manager), config).output_for_solid("total") == 3
    assert any((tmp_path / "values").rglob("total"))
    configured = fs_intermediate_storage.configured({"base_dir": str(tmp_path / "fixed")}, "fixed")
    assert execute_pipeline(using(io_manager_from_intermediate_storage(configured))).success
    assert any((tmp_path / "fixed").rglob("total"))
    with pytest.raises(DagsterInvalidConfigError, match="base_dri"):
        execute_pipeline(using(manager), {"resources": {"io_manager": {"config": {"base_dri": "x"}}}})
    stores: list[Any] = []

    @intermediate_storage(required_resource_keys={"store"})
    def of_resource(init_context: Any) -> Any:
        stores.append(init_context.resources.store)
        return build_intermediate_storage_from_object_store(init_context.resources.store, init_context)

    @resource
    def store() -> InMemoryObjectStore:
        return InMemoryObjectStore()

    execute_pipeline(using(io_manager_from_intermediate_storage(of_resource), store=store))
    assert [type(each) for each in stores] == [InMemoryObjectStore]


def test_outside_a_run_it_has_no_values() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="'filesystem' keeps the values of a run"):
        io_manager_from_intermediate_storage(fs_intermediate_storage)(None)


def test_one_path_is_not_written_by_two_outputs_of_a_run(tmp_path: Path) -> None:
    @solid(output_defs=[OutputDefinition(metadata={"path": "folder/rows.pickle"})])
    def others() -> list[int]:
        return [2]

    def twice() -> None:
        rows()
        rows.alias("again")()

    def two_solids() -> None:
        rows()
        others()

    config = {"resources": {"io_manager": {"config": {"base_dir": str(tmp_path)}}}}
    mode = ModeDefinition(resource_defs={"io_manager": custom_path_fs_io_manager})
    for body, second in ((twice, "again"), (two_solids, "others")):
        made = pipeline(mode_defs=[mode])(body)
        for _ in range(2):  # the path is the same in each run
            with pytest.raises(DagsterInvariantViolationError) as told:
                execute_pipeline(made, config)
            assert f"step '{second}' would be written over output 'result' of step 'rows'" in str(told.value)
        assert pickle.loads((tmp_path / "folder" / "rows.pickle").read_bytes()) == rows()
