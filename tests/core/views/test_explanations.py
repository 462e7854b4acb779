"""Why steps of memoized runs were executed or not, read from an instance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import (
    DagsterInstance,
    ModeDefinition,
    Output,
    OutputDefinition,
    execute_pipeline,
    pipeline,
    plan_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.records.pipeline_run import PipelineRunStatus
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG
from core.views.explanations import explain_steps, why_unexplained
from core.views.memoized_runs import planned_run, read_memoized_run


@solid(version="1", config_schema={"rows": int}, output_defs=[OutputDefinition(is_required=False)])
def rows(context):
    if context.solid_config["rows"]:
        yield Output(context.solid_config["rows"])


@solid(version="1")
def doubled(number):
    return number * 2


@solid(version="1")
def constant(_):
    return 1


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
def counting():
    doubled(rows())
    constant()


def config(count: int) -> dict[str, object]:
    return {"solids": {"rows": {"config": {"rows": count}}}}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run(instance: DagsterInstance, count: int) -> str:
    return execute_pipeline(counting, config(count), instance=instance, memoize=True).run_id


def planned_outcomes(instance: DagsterInstance, count: int) -> dict[str, str]:
    planned = plan_pipeline(counting, config(count), instance=instance)
    memoized_run = planned_run(planned.versioned, planned.memoized, planned.step_keys_to_execute)
    return {key: memoized_run.outcome(key) for key in memoized_run.steps}


def test_a_stored_run_is_explained_by_the_last_one_that_found_the_value(instance: DagsterInstance) -> None:
    first, again = run(instance, 1), run(instance, 1)
    changed = instance.get_run_by_id(run(instance, 2))
    assert changed is not None
    known = read_memoized_run(instance, changed)
    assert known is not None
    explained = {each.step_key: each for each in explain_steps(instance, "counting", known, list(known.steps))}
    assert explained["constant"].outcome == "hit"
    assert (explained["rows"].outcome, explained["rows"].compared_with) == ("executed", again)
    assert explained["rows"].reasons == ("config `rows`: 1 → 2",)
    assert first != again


def test_a_plan_says_what_would_run_and_what_would_be_skipped(instance: DagsterInstance) -> None:
    assert planned_outcomes(instance, 1) == dict.fromkeys(("rows", "doubled", "constant"), "would run")
    run(instance, 1)
    assert planned_outcomes(instance, 1) == dict.fromkeys(("rows", "doubled", "constant"), "hit")
    run(instance, 0)  # stores that `rows` gave no output
    assert planned_outcomes(instance, 0) == {"rows": "hit", "doubled": "would be skipped", "constant": "hit"}


@pytest.mark.parametrize(
    ("tags", "status", "said"),
    [
        ({EVENTS_PRUNED_TAG: "2024-05-01", MEMOIZED_RUN_TAG: "true"}, "SUCCESS", r"pruned \(2024-05-01\)"),
        ({}, "SUCCESS", "is not memoized"),
        ({MEMOIZED_RUN_TAG: "true"}, "STARTED", "is STARTED and has not reached its steps yet"),
        ({MEMOIZED_RUN_TAG: "true"}, "FAILURE", "did not record what its versions were made of"),
    ],
)
def test_why_nothing_is_known_of_a_run_is_said(
    instance: DagsterInstance, tags: dict[str, str], status: str, said: str
) -> None:
    created = instance.create_run("counting", tags=tags, status=PipelineRunStatus(status))
    assert read_memoized_run(instance, created) is None
    assert re.search(said, why_unexplained(created))
