"""Runs of some solids of a pipeline, and of some steps, chosen by queries; also of those in graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidSubsetError,
    Field,
    List,
    ModeDefinition,
    composite_solid,
    execute_pipeline,
    execute_run,
    fs_io_manager,
    pipeline,
    plan_pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)


@solid(config_schema=int)
def start(context: Any) -> int:
    return int(context.solid_config)


@solid(config_schema={"by": Field(int, default_value=1)})
def add(context: Any, number: int) -> int:
    return number + int(context.solid_config["by"])


@solid
def total(numbers: List[int]) -> int:
    return sum(numbers)


@composite_solid
def outer(number):
    return add.alias("second")(add.alias("first")(number))


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def chain() -> None:
    number = start()
    total([add(outer(number)), number])


START = {"solids": {"start": {"config": 1}}}
ALL = ["start", "outer.first", "outer.second", "add", "total"]


@pytest.fixture
def instance(tmp_path: Any) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.mark.parametrize(
    ("selection", "executed"),
    [
        (["*"], ALL),
        (["outer"], ["outer.first", "outer.second"]),
        (["outer.second"], ["outer.second"]),
        (["*outer"], ["start", "outer.first", "outer.second"]),
        (["outer*"], ["outer.first", "outer.second", "add", "total"]),
        (["+outer"], ["start", "outer.first", "outer.second"]),
        (["outer+"], ["outer.first", "outer.second", "add"]),
        (["++add"], ["outer.first", "outer.second", "add"]),
        (["outer.first++"], ["outer.first", "outer.second", "add"]),
        (["+outer.second+", " start "], ["start", "outer.first", "outer.second", "add"]),
        (["*outer.second*"], ALL),
    ],
)
def test_solids_and_steps_are_chosen_by_the_same_queries(
    selection: list[str], executed: list[str], instance: DagsterInstance
) -> None:
    inputs = {"outer": {"inputs": {"number": 10}, "solids": {"second": {"inputs": {"number": 10}}}}}
    if "start" in executed:
        del inputs["outer"]["inputs"]
    if "outer.first" in executed:
        del inputs["outer"]["solids"]
    given = {"solids": {"start": {"config": 1}, **inputs}}
    some = execute_pipeline(chain, given, solid_selection=selection, instance=instance)
    assert some.success
    assert some.executed_step_keys == executed
    stored = instance.get_existing_run(some.run_id)
    assert (stored.solid_selection, stored.solids_to_execute) == (selection, frozenset(executed))
    whole = execute_pipeline(chain, START, instance=instance)
    again = reexecute_pipeline(chain, whole.run_id, step_selection=selection, instance=instance)
    assert again.executed_step_keys == executed


def test_inputs_of_chosen_solids_that_others_feed_come_from_run_config(instance: DagsterInstance) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.outer: missing required config: inputs\.number"):
        execute_pipeline(chain, START, solid_selection=["outer"], instance=instance)
    given = {"solids": {"outer": {"inputs": {"number": 5}}}}
    result = execute_pipeline(chain, given, solid_selection=["outer"], instance=instance)
    assert result.output_for_solid("outer") == 7
    assert [each.solid_name for each in result.solid_result_list] == ["outer"]
    inner = execute_pipeline(
        chain,
        {"solids": {"outer": {"solids": {"second": {"inputs": {"number": 5}}}}}},
        solid_selection=["outer.second"],
    )
    assert inner.output_for_solid("outer") == 6
    some_of_a_list = execute_pipeline(chain, START, solid_selection=["start", "total"])
    assert some_of_a_list.output_for_solid("total") == 1


def test_config_of_solids_that_are_not_chosen_is_ignored_but_for_its_secrets(instance: DagsterInstance) -> None:
    @solid(config_schema={"key": Field(str, is_secret=True)})
    def secretive(_: Any) -> None:
        return None

    @composite_solid
    def around():
        secretive()

    @pipeline
    def with_secret() -> None:
        start()
        around()

    given = {"solids": {"start": {"config": 1}, "around": {"solids": {"secretive": {"config": {"key": "hunter2"}}}}}}
    result = execute_pipeline(with_secret, given, solid_selection=["start"], instance=instance)
    assert "hunter2" not in repr(instance.get_existing_run(result.run_id).run_config)
    wrong = {"solids": {"start": {"config": 1}, "around": {"solid": 3}}}
    assert execute_pipeline(with_secret, wrong, solid_selection=["start"]).success


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (["oter"], "Solid selection: unknown solid 'oter'; did you mean 'outer'"),
        (["outer.firs"], r"unknown solid 'outer\.firs'; did you mean 'outer\.first'"),
        (["outer*+"], "is not a solid query"),
        ([""], "is not a solid query"),
        ([5], "5 is not"),
    ],
)
def test_what_names_no_solid_is_refused(selection: Any, message: str) -> None:
    with pytest.raises(DagsterInvalidSubsetError, match=message):
        execute_pipeline(chain, START, solid_selection=selection)


def test_a_stored_run_of_some_solids_is_executed_and_executed_again(instance: DagsterInstance) -> None:
    stored = instance.create_run("chain", None, START, solids_to_execute=frozenset({"start"}))
    result = execute_run(chain, stored, instance)
    assert result.executed_step_keys == ["start"]
    again = reexecute_pipeline(chain, stored.run_id, instance=instance)
    assert again.executed_step_keys == ["start"]
    assert instance.get_existing_run(again.run_id).solids_to_execute == frozenset({"start"})


def test_a_plan_is_made_of_some_solids(tmp_path: Any) -> None:
    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
    def stored() -> None:
        add(start())

    config = {**START, "resources": {"io_manager": {"config": {"base_dir": str(tmp_path)}}}}
    assert plan_pipeline(stored, config, solid_selection=["start"]).step_keys_to_execute == ("start",)
