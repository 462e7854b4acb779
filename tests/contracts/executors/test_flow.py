"""One run in which each thing happens that can happen to a step: it is the same whoever executes the steps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import AssetKey, DagsterEventType, PipelineExecutionResult, PipelineRunStatus, reconstructable
from core.serdes import to_json
from tests.contracts.executors.conftest import OF_THE_SUITE, Runs, types_told
from tests.contracts.executors.flow import PRESET, flow

FLOW = reconstructable(flow)
FAILED = {"fails", "fails_told", "no_even_number", "wants_even", "forgets_one", "never_passes"}


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    os.environ["OF_THE_SUITE"] = OF_THE_SUITE
    yield
    del os.environ["OF_THE_SUITE"]


@pytest.fixture(scope="module")
def result(runs: Runs) -> PipelineExecutionResult:
    return runs.run(FLOW, preset="some", tags={"more": "1"})


@pytest.fixture(scope="module")
def result_there(as_in_process: Runs) -> PipelineExecutionResult:
    return as_in_process.run(FLOW, preset="some", tags={"more": "1"})


@pytest.fixture(scope="module")
def told(runs: Runs, result: PipelineExecutionResult) -> dict[str, list[Any]]:
    return runs.told(result)


@pytest.fixture(scope="module")
def model(as_in_process: Runs, result_there: PipelineExecutionResult) -> dict[str, list[Any]]:
    return as_in_process.told(result_there)


def test_of_each_step_the_same_is_told_in_the_same_order(
    told: dict[str, list[Any]], model: dict[str, list[Any]]
) -> None:
    assert types_told(told) == types_told(model)
    for step_key, of_step in model.items():
        assert told[step_key] == of_step, step_key


def test_the_caller_gets_what_is_stored(runs: Runs, result: PipelineExecutionResult) -> None:
    stored = [each.dagster_event for each in runs.instance.all_logs(result.run_id) if each.dagster_event]
    assert [to_json(each) for each in result.event_list] == [to_json(each) for each in stored]
    assert runs.instance.get_existing_run(result.run_id).status is PipelineRunStatus.FAILURE


def test_values_are_those_that_were_given(result: PipelineExecutionResult) -> None:
    values = {
        "source": [0, 1, 2, 3],
        "joined": [[0, 2], [0, 1, 2, 3]],
        "after_nothing": "after",
        "asks_again": "after 2",
        "has_policy": 1,
        "reports": "reported",
        "counted": 7,
        "adding": 37,
        "collected": [0, 20],
        "all_of": [0, 1, 2],
        "both": [[0, 1, 2], [0, 1, 4]],
        "more": {"m0": 0, "m1": 1, "m2": 2},
        "of_none": [],
        "none": {},
    }
    assert {name: result.output_for_solid(name) for name in values} == values
    assert result.output_for_solid("parted", "even") == [0, 2]
    assert result.result_for_solid("each").results.keys() == {"k0", "k1", "k2"}


def test_what_follows_from_failures(result: PipelineExecutionResult, told: dict[str, list[Any]]) -> None:
    assert not result.success
    assert {event.step_key for event in result.event_list if event.is_step_failure} == FAILED
    skipped = {event.step_key for event in result.event_list if event.event_type is DagsterEventType.STEP_SKIPPED}
    assert skipped == {"of_odd", "after_odd"}
    for abandoned in ("doubled", "of_failed"):
        ((event_type, _level, message, *_),) = told[abandoned]
        assert (event_type, message.partition(",")[0]) == (None, f"Step {abandoned!r} is not executed")
    data = result.result_for_solid("fails").failure_data
    assert data is not None
    assert data.error.cause is not None
    assert data.error.cause.cls_name == "OwnError"
    assert result.result_for_solid("fails_told").failure_data.user_failure_description == "as said"


@pytest.mark.parametrize(
    ("solid", "retries"), [("asks_again", 2), ("has_policy", 1), ("never_passes", 2), ("fails", 0)]
)
def test_attempts_are_counted(result: PipelineExecutionResult, solid: str, retries: int) -> None:
    assert result.retry_attempts_for_solid(solid) == retries


def test_hooks_have_resources_and_never_fail_a_step(told: dict[str, list[Any]]) -> None:
    assert "hello, flow: asks_again gave {'result': 'after 2'}" in [each[2] for each in told["asks_again"]]
    assert "hello, flow: OwnError ('4 are too many', 17) 17" in [each[2] for each in told["fails"]]
    assert types_told(told)["reports"][-3:] == ["STEP_SUCCESS", "HOOK_ERRORED", "HOOK_ERRORED"]


def test_output_is_kept_by_attempt(runs: Runs, result: PipelineExecutionResult) -> None:
    stdout, stderr = runs.output_of(result, "source")
    assert (stdout, "to stderr\n" in stderr) == ("to stdout\nof a child\n", True)
    assert [runs.output_of(result, "asks_again", attempt)[0] for attempt in (1, 2, 3)] == [
        "attempt 0\n", "attempt 1\n", "attempt 2\n",
    ]  # fmt: skip
    assert runs.output_of(result, "fails")[0] == "about to fail\n"


def test_messages_are_stored_once_and_secrets_never(runs: Runs, result: PipelineExecutionResult) -> None:
    entries = runs.instance.all_logs(result.run_id)
    said = [each.user_message for each in entries if not each.is_dagster_event and each.step_key == "source"]
    assert said == ["of_env is from the environment", "the secret is ***********"]
    run = runs.instance.get_existing_run(result.run_id)
    assert "tell nobody" not in to_json(run) + "".join(map(to_json, entries))
    assert run.tags == {"of": "the preset", "more": "1", "team": "suite", "dagster/preset_name": "some"}


def test_assets_are_found_by_their_key(runs: Runs, result: PipelineExecutionResult) -> None:
    found = runs.instance.events_for_asset_key(AssetKey(["tables", "rows"]))
    assert [entry.step_key for _, entry in found if entry.run_id == result.run_id] == ["reports"]
    counts = runs.instance.events_for_asset_key(AssetKey("count"), partitions=["tuesday"])
    assert {entry.step_key for _, entry in counts if entry.run_id == result.run_id} == {"counted", "ten"}


# Runs of a part of it


def mended(**solids: Any) -> dict[str, Any]:
    config = PRESET.run_config
    return {**config, "solids": {**config["solids"], **{name: {"config": value} for name, value in solids.items()}}}


@pytest.mark.parametrize(
    ("selection", "executed"),
    [
        (None, {*FAILED, "doubled", "of_failed"}),
        (["both", "adding.twice", "each[k2]"], {"both", "adding.twice", "each[k2]"}),
        (
            ["*joined", "more*"],
            {"joined", "source", "parted", "more", "square[m0]", "square[m1]", "square[m2]", "both"},
        ),
        (["after_odd", "collected"], {"collected"}),
    ],
    ids=["from failure", "some", "with others", "skipped"],
)
def test_a_run_of_some_steps_takes_the_values_of_earlier_runs(
    runs: Runs,
    as_in_process: Runs,
    result: PipelineExecutionResult,
    result_there: PipelineExecutionResult,
    selection: list[str] | None,
    executed: set[str],
) -> None:
    config = mended(fails=False)
    again = runs.again(FLOW, result, config, selection, from_failure=selection is None)
    there = as_in_process.again(FLOW, result_there, config, selection, from_failure=selection is None)
    assert set(again.executed_step_keys) == executed
    assert runs.told(again) == as_in_process.told(there)
    if selection is None:
        assert again.output_for_solid("of_failed") == [[0, 1, 2, 3], [0, 1, 2, 3]]
    elif "both" in executed:
        assert again.output_for_solid("both") == [[0, 1, 2], [0, 1, 4]]


def test_of_a_value_that_is_gone_it_is_said_which_step_to_execute_too(
    runs: Runs, as_in_process: Runs, result: PipelineExecutionResult, result_there: PipelineExecutionResult
) -> None:
    said = []
    for each, parent in ((runs, result), (as_in_process, result_there)):
        shutil.rmtree(Path(each.instance.storage_directory()) / parent.run_id / "ten", ignore_errors=True)
        again = each.again(FLOW, parent, mended(), ["adding.inner"])
        assert not again.success
        said.append(repr(each.told(again)["adding.inner"]))
    assert said[0] == said[1]
    assert "Execute step 'ten' too" in said[0]


def test_a_run_of_some_solids(runs: Runs, as_in_process: Runs) -> None:
    config = mended()
    config["solids"] = {"source": config["solids"]["source"], "none": {"config": 2}}
    queries = ["joined", "+joined", "none*", "source"]
    seen = [each.run(FLOW, config, solid_selection=queries) for each in (runs, as_in_process)]
    assert seen[0].output_for_solid("of_none") == [0, 1]
    assert runs.told(seen[0]) == as_in_process.told(seen[1])
