"""Runs that are stored before they are executed, as queued and launched ones are."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterRunConflict,
    DagsterRunNotFoundError,
    ModeDefinition,
    PipelineDefinition,
    PipelineRun,
    PipelineRunStatus,
    execute_pipeline,
    execute_run,
    fs_io_manager,
    pipeline,
    resource,
    solid,
)
from core.errors import DagsterExecutionStepNotFoundError, DagsterInvalidSubsetError
from core.records.tags import MEMOIZED_RUN_TAG

QUEUED, STARTING, STARTED = PipelineRunStatus.QUEUED, PipelineRunStatus.STARTING, PipelineRunStatus.STARTED


@solid(config_schema=int)
def start(context: Any) -> int:
    return int(context.solid_config)


@solid
def describe(context: Any, number: int) -> str:
    return f"{number} in mode {context.mode_def.name} for {context.get_tag('team')}"


@pipeline(
    mode_defs=[ModeDefinition(), ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager})],
    tags={"team": "the pipeline's"},
)
def numbers() -> None:
    describe(start())


def config(number: int) -> dict[str, Any]:
    return {"solids": {"start": {"config": number}}}


@pytest.mark.parametrize("status", [PipelineRunStatus.NOT_STARTED, QUEUED, STARTING])
def test_a_stored_run_is_executed_as_its_record_says(instance: DagsterInstance, status: PipelineRunStatus) -> None:
    stored = instance.create_run("numbers", None, config(3), "disk", tags={"team": "ours"}, status=status)
    result = execute_run(numbers, stored, instance)
    assert result.success
    assert result.run_id == stored.run_id
    assert result.output_for_solid("describe") == "3 in mode disk for ours"
    [run] = instance.get_runs()
    assert run == stored.with_status(PipelineRunStatus.SUCCESS)
    events = [entry.dagster_event for entry in instance.all_logs(stored.run_id)]
    types = [event.event_type_value for event in events if event]
    assert (types[0], types[-1]) == ("PIPELINE_START", "PIPELINE_SUCCESS")


def test_a_stored_run_executes_the_steps_it_names_on_the_values_of_its_parent(instance: DagsterInstance) -> None:
    parent = execute_pipeline(numbers, config(3), "disk", instance=instance)
    stored = instance.create_run(
        "numbers", None, config(4), "disk", step_keys_to_execute=["describe"],
        root_run_id=parent.run_id, parent_run_id=parent.run_id,
    )  # fmt: skip
    result = execute_run(numbers, stored, instance)
    assert result.executed_step_keys == ["describe"]
    assert result.output_for_solid("describe") == "3 in mode disk for None"


@pytest.mark.parametrize("tag", ["true", "True"])
def test_a_stored_run_is_memoized_where_its_tags_say_so(instance: DagsterInstance, tag: str) -> None:
    stored = instance.create_run("numbers", None, config(3), tags={MEMOIZED_RUN_TAG: tag})
    result = execute_run(numbers, stored, instance)
    assert "PLAN_VERSIONED" in [event.event_type_value for event in result.event_list]


def test_the_record_in_the_storage_counts_and_not_the_one_given(instance: DagsterInstance) -> None:
    stored = instance.create_run("numbers", None, config(3))
    other = PipelineRun("numbers", stored.run_id, config(9))
    assert execute_run(numbers, other, instance).output_for_solid("start") == 3


@pytest.mark.parametrize(
    "status",
    [
        STARTED,
        PipelineRunStatus.MANAGED,
        PipelineRunStatus.CANCELING,
        PipelineRunStatus.SUCCESS,
        PipelineRunStatus.FAILURE,
        PipelineRunStatus.CANCELED,
    ],
)
def test_a_run_that_has_begun_or_ended_is_refused(instance: DagsterInstance, status: PipelineRunStatus) -> None:
    stored = instance.create_run("numbers", None, config(3), status=status)
    with pytest.raises(DagsterRunConflict, match=rf"Run {stored.run_id} of pipeline 'numbers'.* {status.value}\."):
        execute_run(numbers, stored, instance)
    assert instance.get_runs() == [stored]
    assert instance.all_logs(stored.run_id) == []


def test_a_run_is_executed_once(instance: DagsterInstance) -> None:
    stored = instance.create_run("numbers", None, config(3))
    assert execute_run(numbers, stored, instance).success
    before = instance.all_logs(stored.run_id)
    with pytest.raises(DagsterRunConflict, match=r"has ended as SUCCESS\. To execute it again, use reexecute_pipeline"):
        execute_run(numbers, stored, instance)
    assert instance.all_logs(stored.run_id) == before


def test_a_run_that_is_not_stored_is_refused(instance: DagsterInstance) -> None:
    with pytest.raises(DagsterRunNotFoundError, match="No run 'unknown'"):
        execute_run(numbers, PipelineRun("numbers", "unknown"), instance)


def meeting(barrier: threading.Barrier, stopped: list[int]) -> PipelineDefinition:
    """A pipeline whose run waits at a barrier when it was found that it may begin, and before it does."""

    @resource
    def meeting_point() -> Any:
        barrier.wait()
        yield None
        stopped.append(1)

    @solid(required_resource_keys={"meeting_point"})
    def count() -> int:
        return 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"meeting_point": meeting_point})])
    def met() -> None:
        count()

    return met


def test_of_two_who_execute_a_run_at_once_one_does(instance: DagsterInstance) -> None:
    stopped: list[int] = []
    built = meeting(threading.Barrier(2), stopped)
    stored = instance.create_run("met")

    def execute(_number: int) -> bool:
        try:
            return execute_run(built, stored, instance).success
        except DagsterRunConflict:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(execute, range(2))) == [False, True]
    assert stopped == [1, 1]
    events = [entry.dagster_event for entry in instance.all_logs(stored.run_id)]
    types = [event.event_type_value for event in events if event]
    assert types.count("PIPELINE_START") == types.count("STEP_START") == types.count("PIPELINE_SUCCESS") == 1


def _execute_in_process(home: str, run_id: str, barrier: Any, outcomes: Any) -> None:
    with DagsterInstance.local_temp(home) as instance:
        stored = instance.get_existing_run(run_id)
        barrier.wait()
        try:
            outcomes.put(execute_run(numbers, stored, instance).success)
        except DagsterRunConflict:
            outcomes.put(False)


def test_of_processes_that_execute_a_run_at_once_one_does(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    with DagsterInstance.local_temp(home) as instance:
        stored = instance.create_run("numbers", None, config(3))
        spawned = multiprocessing.get_context("fork")
        barrier, outcomes = spawned.Barrier(3), spawned.Queue()
        children = [
            spawned.Process(target=_execute_in_process, args=(home, stored.run_id, barrier, outcomes)) for _ in range(3)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert sorted(outcomes.get(timeout=1) for _ in children) == [False, False, True]
        events = [entry.dagster_event for entry in instance.all_logs(stored.run_id)]
        assert [event.event_type_value for event in events if event].count("PIPELINE_START") == 1


def test_a_run_of_another_pipeline_is_refused(instance: DagsterInstance) -> None:
    stored = instance.create_run("letters", None, config(3))
    with pytest.raises(DagsterInvariantViolationError, match=r"a run of pipeline 'letters' and cannot be .* 'numbers'"):
        execute_run(numbers, stored, instance)
    assert instance.get_runs() == [stored]


def test_a_run_that_does_not_fit_its_pipeline_stays_as_it_was(instance: DagsterInstance) -> None:
    stored = instance.create_run("numbers", None, config("three"), status=QUEUED)  # type: ignore[arg-type]
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.start\.config: expected Int"):
        execute_run(numbers, stored, instance)
    unknown = instance.create_run("numbers", None, config(3), step_keys_to_execute=["describ"])
    with pytest.raises(DagsterExecutionStepNotFoundError, match="unknown step 'describ'; did you mean 'describe'"):
        execute_run(numbers, unknown, instance)
    partial = instance.create_run("numbers", None, config(3), solids_to_execute=frozenset({"strt"}))
    with pytest.raises(DagsterInvalidSubsetError, match="unknown solid 'strt'; did you mean 'start'"):
        execute_run(numbers, partial, instance)
    assert instance.get_runs() == [partial, unknown, stored]
    assert all(instance.all_logs(run.run_id) == [] for run in instance.get_runs())


def test_what_fails_a_stored_run_is_in_the_result_or_raised(instance: DagsterInstance) -> None:
    @solid
    def breaks() -> None:
        raise RuntimeError("oh dear")

    @pipeline
    def broken() -> None:
        breaks()

    assert not execute_run(broken, instance.create_run("broken"), instance).success
    with pytest.raises(RuntimeError, match="oh dear"):
        execute_run(broken, instance.create_run("broken"), instance, raise_on_error=True)
    assert {run.status for run in instance.get_runs()} == {PipelineRunStatus.FAILURE}
