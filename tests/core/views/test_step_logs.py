"""Which attempt at a step has the log to show, or why there is none."""

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
from core.views.step_logs import find_attempt


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
        find_attempt(instance, run, step_key, attempt)
    return str(caught.value)


def test_the_last_attempt_is_shown_unless_another_is_asked_for(instance: DagsterInstance) -> None:
    tried = run(instance)
    assert find_attempt(instance, tried, "steady") == 1
    assert find_attempt(instance, tried, "unsteady") == 3
    assert [find_attempt(instance, tried, "unsteady", attempt) for attempt in (1, 2, 3)] == [1, 2, 3]
    assert "no attempt 4 at step 'unsteady'; the last one is 3" in refusal(instance, tried, "unsteady", 4)


def test_a_step_without_logs_is_refused_with_the_steps_that_have_some(instance: DagsterInstance) -> None:
    assert refusal(instance, run(instance), "other").endswith("has no step 'other'. Steps with logs: steady, unsteady.")


def test_a_memoized_step_names_the_run_that_made_its_outputs(instance: DagsterInstance) -> None:
    first, again = run(instance), run(instance)
    for attempt in (None, 1):
        said = refusal(instance, again, "steady", attempt)
        assert said == f"Step 'steady' was memoized in run {again.run_id}; its outputs are from run {first.run_id}."
    assert "has no step 'other'" in refusal(instance, again, "other")


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
    assert [find_attempt(instance, pruned, "unsteady", attempt) for attempt in (None, 2)] == [1, 2]
    assert re.search(
        r"no logs of an attempt 4 at step 'unsteady'; its events were pruned \(2024",
        refusal(instance, pruned, "unsteady", 4),
    )
    assert "no logs of a step 'other'" in refusal(instance, pruned, "other")
