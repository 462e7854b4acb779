"""Runs executed again, whole and in part."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvariantViolationError,
    DagsterObjectNotFoundError,
    DagsterRunNotFoundError,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    custom_path_fs_io_manager,
    execute_pipeline,
    fs_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
)
from core.errors import DagsterInvalidSubsetError
from core.records.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from core.resources.versioned_fs_io_manager import versioned_filesystem_io_manager

ON_DISK = ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager})
IN_MEMORY = ModeDefinition("memory")


@solid(config_schema=int)
def start(context: Any) -> int:
    return int(context.solid_config)


@solid
def double(number: int) -> int:
    return 2 * number


@solid
def show(context: Any, number: int) -> str:
    return f"{number} in {context.run_id}"


@solid
def pair(left: int, right: int) -> tuple[int, int]:
    return left, right


@pipeline(mode_defs=[ON_DISK, IN_MEMORY], tags={"team": "ours"})
def chain() -> None:
    first = start()
    second = double(first)
    show(double.alias("redouble")(second))
    pair(first, second)


def config(number: int) -> dict[str, Any]:
    return {"solids": {"start": {"config": number}}}


def test_a_run_is_executed_again_whole(instance: DagsterInstance) -> None:
    parent = execute_pipeline(chain, config(3), instance=instance, tags={"why": "first"})
    again = reexecute_pipeline(chain, parent.run_id, instance=instance)
    assert again.run_id != parent.run_id
    assert set(again.executed_step_keys) == {"start", "double", "redouble", "show", "pair"}
    assert again.output_for_solid("show") == f"12 in {again.run_id}"
    run = instance.get_existing_run(again.run_id)
    assert (run.root_run_id, run.parent_run_id) == (parent.run_id, parent.run_id)
    lineage = {ROOT_RUN_ID_TAG: parent.run_id, PARENT_RUN_ID_TAG: parent.run_id}
    assert run.tags == {"team": "ours", "why": "first", **lineage}
    assert run.mode == "disk"
    assert run.run_config == config(3)


def test_a_run_is_executed_again_with_other_config_and_in_another_mode(instance: DagsterInstance) -> None:
    parent = execute_pipeline(chain, config(3), instance=instance)
    again = reexecute_pipeline(chain, parent.run_id, config(5), mode="memory", instance=instance)
    assert again.output_for_solid("redouble") == 20
    assert instance.get_existing_run(again.run_id).mode == "memory"


def test_some_steps_are_executed_again_on_the_values_of_the_parent(instance: DagsterInstance) -> None:
    parent = execute_pipeline(chain, config(3), instance=instance)
    again = reexecute_pipeline(chain, parent.run_id, step_selection=["redouble*"], instance=instance)
    assert again.executed_step_keys == ["redouble", "show"]
    assert again.output_for_solid("show") == f"12 in {again.run_id}"
    assert instance.get_existing_run(again.run_id).step_keys_to_execute == ["redouble", "show"]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (["double"], {"double"}),
        (["*redouble"], {"start", "double", "redouble"}),
        (["+redouble"], {"double", "redouble"}),
        (["++redouble"], {"start", "double", "redouble"}),
        (["double+"], {"double", "redouble", "pair"}),
        (["double", "show"], {"double", "show"}),
        (["*double*"], {"start", "double", "redouble", "show", "pair"}),
    ],
)
def test_steps_are_chosen_with_what_feeds_them_or_what_they_feed(
    instance: DagsterInstance, selection: list[str], expected: set[str]
) -> None:
    parent = execute_pipeline(chain, config(3), instance=instance)
    again = reexecute_pipeline(chain, parent.run_id, step_selection=selection, instance=instance)
    assert set(again.executed_step_keys) == expected


def test_values_come_from_the_nearest_run_that_made_them(instance: DagsterInstance) -> None:
    first = execute_pipeline(chain, config(3), instance=instance)
    second = reexecute_pipeline(chain, first.run_id, config(50), ["start"], instance=instance)
    third = reexecute_pipeline(chain, second.run_id, config(50), ["pair"], instance=instance)
    assert third.output_for_solid("pair") == (50, 6)  # start of the second run, double of the first
    run = instance.get_existing_run(third.run_id)
    assert (run.root_run_id, run.parent_run_id) == (first.run_id, second.run_id)


def test_a_failed_run_is_taken_up_where_it_failed(instance: DagsterInstance) -> None:
    fails = [True]

    @solid
    def fragile(number: int) -> int:
        if fails:
            raise OSError("away")
        return number

    @pipeline(mode_defs=[ON_DISK])
    def breaks() -> None:
        double(fragile(start()))

    parent = execute_pipeline(breaks, config(3), instance=instance, raise_on_error=False)
    assert not parent.success
    fails.clear()
    again = reexecute_pipeline(breaks, parent.run_id, step_selection=["fragile*"], instance=instance)
    assert again.executed_step_keys == ["fragile", "double"]
    assert again.output_for_solid("double") == 6


def test_values_in_memory_are_gone_and_the_error_says_what_to_do(instance: DagsterInstance) -> None:
    parent = execute_pipeline(chain, config(3), mode="memory", instance=instance)
    with pytest.raises(DagsterObjectNotFoundError, match=r"'start' of run .*store values with fs_io_manager"):
        reexecute_pipeline(chain, parent.run_id, step_selection=["double"], instance=instance)


def optional_outputs() -> PipelineDefinition:
    @solid(
        output_defs=[OutputDefinition(int, "given", is_required=False), OutputDefinition(int, "not", is_required=False)]
    )
    def perhaps() -> Iterator[Output]:
        yield Output(1, "given")

    @solid
    def gather(items: list[int]) -> list[int]:
        return items

    @pipeline(mode_defs=[ON_DISK])
    def optional() -> None:
        given, not_given = perhaps()
        gather([given, not_given])
        double(not_given)

    return optional


@pytest.mark.parametrize("memoize", [False, True])
@pytest.mark.parametrize("manager", [fs_io_manager, versioned_filesystem_io_manager, custom_path_fs_io_manager])
def test_where_a_value_of_the_parent_is_not_there_it_is_told_why_and_what_to_do(
    manager: Any, memoize: bool, instance: DagsterInstance, tmp_path: Path
) -> None:
    @solid(config_schema=int, version="1", output_defs=[OutputDefinition(metadata={"path": "numbers"})])
    def first(context: Any) -> Any:
        return context.solid_config

    @solid(version="1", output_defs=[OutputDefinition(metadata={"path": "next"})])
    def after(number: int) -> Any:
        return number + 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": manager})])
    def two() -> None:
        after(first())

    def told(run_config: dict[str, Any]) -> str:
        with pytest.raises(DagsterObjectNotFoundError) as raised:
            reexecute_pipeline(two, parent.run_id, run_config, ["after"], instance=instance)
        return str(raised.value)

    def kept_in(folder: str, number: int = 1) -> dict[str, Any]:
        resources = {"io_manager": {"config": {"base_dir": str(tmp_path / folder)}}}
        return {"solids": {"first": {"config": number}}, "resources": resources}

    parent = execute_pipeline(two, kept_in("here"), instance=instance, memoize=memoize)
    (stored,) = (
        event.event_specific_data.address
        for event in parent.event_list
        if event.step_key == "first" and event.event_type_value == "HANDLED_OUTPUT"
    )
    others = [kept_in("elsewhere"), *([kept_in("here", 2)] if manager is versioned_filesystem_io_manager else [])]
    for run_config in others:
        message = told(run_config)
        assert message.startswith("The value of output 'result' of step 'first', which this run leaves out, is not at ")
        assert f" Run {parent.run_id}, which executed it, stored it at {stored}; by the config" in message
        assert message.endswith(" Execute step 'first' too, or give the run config of that run.")
        assert reexecute_pipeline(two, parent.run_id, run_config, ["*after"], instance=instance).success
    shutil.rmtree(tmp_path / "here")
    assert told(kept_in("here")) == (
        f"The value of output 'result' of step 'first', which this run leaves out, is not at {stored}. Execute step "
        "'first' too."
    )


def test_outputs_that_the_parent_did_not_give_are_not_given(instance: DagsterInstance) -> None:
    built = optional_outputs()
    parent = execute_pipeline(built, instance=instance)
    again = reexecute_pipeline(built, parent.run_id, step_selection=["gather", "double"], instance=instance)
    assert again.success
    assert again.executed_step_keys == ["gather"]
    assert again.output_for_solid("gather") == [1]
    assert again.result_for_solid("double").skipped


def test_what_an_attempt_gave_that_was_repeated_counts_neither_as_a_result_nor_for_the_next_run(
    instance: DagsterInstance,
) -> None:
    attempts: list[int] = []

    @solid(output_defs=[OutputDefinition(int, "maybe", is_required=False)])
    def flaky() -> Iterator[Output]:
        attempts.append(1)
        if len(attempts) == 1:
            yield Output(-5, "maybe")
            raise RetryRequested(max_retries=1)

    @pipeline(mode_defs=[ON_DISK])
    def repeated() -> None:
        double(flaky())

    parent = execute_pipeline(repeated, instance=instance)
    assert parent.result_for_solid("flaky").output_values == {}
    again = reexecute_pipeline(repeated, parent.run_id, step_selection=["double"], instance=instance)
    assert again.result_for_solid("double").skipped


def test_unknown_steps_runs_and_queries_are_errors(instance: DagsterInstance) -> None:
    parent = execute_pipeline(chain, config(3), instance=instance)
    with pytest.raises(DagsterInvalidSubsetError, match="unknown step 'doubel'; did you mean 'double'"):
        reexecute_pipeline(chain, parent.run_id, step_selection=["doubel"], instance=instance)
    with pytest.raises(DagsterInvalidSubsetError, match="is not a step query"):
        reexecute_pipeline(chain, parent.run_id, step_selection=["a b*c"], instance=instance)
    with pytest.raises(DagsterRunNotFoundError, match="No run 'nowhere'"):
        reexecute_pipeline(chain, "nowhere", instance=instance)
    with pytest.raises(DagsterInvariantViolationError, match="needs the instance"):
        reexecute_pipeline(chain, parent.run_id)
    assert len(instance.get_runs()) == 1
