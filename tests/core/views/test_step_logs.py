"""Which run and attempt at a step has the log to show, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import (
    DagsterInstance,
    ModeDefinition,
    RetryRequested,
    execute_pipeline,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.errors import DagsterExecutionStepNotFoundError
from core.records.pipeline_run import PipelineRun
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG
from core.views.step_logs import find_log


@solid(version="1")
def steady(_):
    print("steady")
    return 1


@solid(version="1")
def unsteady(_, _number):
    print("unsteady")
    raise RetryRequested(max_retries=2)


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
def trying():
    unsteady(steady())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run(instance: DagsterInstance) -> PipelineRun:
    run_id = execute_pipeline(trying, instance=instance, raise_on_error=False, memoize=True).run_id
    stored = instance.get_run_by_id(run_id)
    assert stored is not None
    return stored


def refusal(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None = None) -> str:
    with pytest.raises(DagsterExecutionStepNotFoundError) as caught:
        find_log(instance, run, step_key, attempt)
    return str(caught.value)


def test_the_last_attempt_is_shown_unless_another_is_asked_for(instance: DagsterInstance) -> None:
    tried = run(instance)
    assert find_log(instance, tried, "steady") == (tried, 1)
    assert find_log(instance, tried, "unsteady") == (tried, 3)
    assert [find_log(instance, tried, "unsteady", attempt).attempt for attempt in (1, 2, 3)] == [1, 2, 3]
    assert "no attempt 4 at step 'unsteady'; the last one is 3" in refusal(instance, tried, "unsteady", 4)


def test_a_step_without_logs_is_refused_with_the_steps_that_have_some(instance: DagsterInstance) -> None:
    assert refusal(instance, run(instance), "other").endswith("has no step 'other'. Steps with logs: steady, unsteady.")


def test_the_log_of_a_memoized_step_is_that_of_the_run_that_executed_it(instance: DagsterInstance) -> None:
    first, again, third = run(instance), run(instance), run(instance)
    for later in (again, third):
        assert find_log(instance, later, "steady") == (first, 1)
        assert find_log(instance, later, "steady", 1) == (first, 1)
        assert "no attempt 2 at step 'steady'" in refusal(instance, later, "steady", 2)
    assert "has no step 'other'" in refusal(instance, again, "other")


def test_so_it_is_where_no_step_needed_what_it_had_stored(instance: DagsterInstance) -> None:
    @solid(version="1")
    def give(_):
        return 1

    @solid(version="1")
    def take(_, number):
        return number

    @pipeline(mode_defs=trying.mode_defs)
    def given():
        take(give())

    runs = [execute_pipeline(given, instance=instance, memoize=True).run_id for _ in range(2)]
    first, again = (instance.get_existing_run(each) for each in runs)
    assert find_log(instance, again, "give") == (first, 1)
    assert find_log(instance, again, "take") == (first, 1)


def test_a_memoized_step_of_a_run_that_is_not_here_names_that_run(instance: DagsterInstance) -> None:
    first, again = run(instance), run(instance)
    instance.run_storage.delete_run(first.run_id)
    assert refusal(instance, again, "steady") == (
        f"Step 'steady' was memoized in run {again.run_id}; its outputs are from run {first.run_id}, which this "
        "instance does not have. Its log is in the instance of that run."
    )


def test_pruned_logs_are_said_to_be_pruned(instance: DagsterInstance) -> None:
    tried = run(instance)
    instance.add_run_tags(tried.run_id, {COMPUTE_LOGS_PRUNED_TAG: "2024-05-01"})
    (pruned,) = instance.get_runs()
    assert refusal(instance, pruned, "steady") == f"Run {tried.run_id}: its compute logs were pruned (2024-05-01)."


def test_without_events_the_log_itself_is_looked_for(instance: DagsterInstance) -> None:
    tried = run(instance)
    instance.event_log_storage.delete_log(tried.run_id)
    instance.add_run_tags(tried.run_id, {EVENTS_PRUNED_TAG: "2024-05-01"})
    (pruned,) = instance.get_runs()
    assert [find_log(instance, pruned, "unsteady", attempt).attempt for attempt in (None, 2)] == [1, 2]
    assert re.search(
        r"no logs of an attempt 4 at step 'unsteady'; its events were pruned \(2024",
        refusal(instance, pruned, "unsteady", 4),
    )
    assert "no logs of a step 'other'" in refusal(instance, pruned, "other")
