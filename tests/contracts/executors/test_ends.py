"""How runs end: what is raised, what is recorded, what becomes of resources, and which step comes first."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterEventType,
    PipelineDefinition,
    PipelineRunStatus,
    execute_pipeline_iterator,
    reconstructable,
)
from tests.contracts.executors import ends
from tests.contracts.executors.conftest import Runs, told, types_told
from tests.contracts.executors.ends import PRIORITIES, OwnError

Executed = tuple[str, BaseException | None, str, dict[str, list[Any]]]
"""The id of a run, what was raised, its status, and what is told of it."""


def executed(runs: Runs, pipeline: PipelineDefinition, run_config: Any, **options: Any) -> Executed:
    made = runs.instance.create_run(pipeline.name, run_config=runs.config(run_config))
    raised = None
    try:
        runs.execute(pipeline, made, **options)
    except BaseException as error:
        raised = error
    run = runs.instance.get_existing_run(made.run_id)
    return run.run_id, raised, run.status.value, told(runs.instance.all_logs(run.run_id))


def raising(how: str) -> dict[str, Any]:
    return {"solids": {"raises": {"config": how}}}


ENDING = reconstructable(ends.ending)


@pytest.mark.parametrize("raise_on_error", [True, False])
@pytest.mark.parametrize("how", ["own", "failure", "stop", "exit", "interrupt", "group"])
def test_what_a_step_raises_ends_the_run_as_in_process(
    runs: Runs, as_in_process: Runs, how: str, raise_on_error: bool
) -> None:
    _, raised, status, events = executed(runs, ENDING, raising(how), raise_on_error=raise_on_error)
    _, raised_there, *rest = executed(as_in_process, ENDING, raising(how), raise_on_error=raise_on_error)
    assert (type(raised), repr(raised), vars_of(raised)) == (
        type(raised_there),
        repr(raised_there),
        vars_of(raised_there),
    )
    assert [status, events] == rest


def vars_of(error: BaseException | None) -> dict[str, Any]:
    left_behind = {"__notes__", "original_exc_info", "user_exception"}
    return {key: value for key, value in getattr(error, "__dict__", {}).items() if key not in left_behind}


def test_the_users_own_exception_is_raised(runs: Runs) -> None:
    with pytest.raises(OwnError) as raised:
        runs.run(ENDING, raising("own"), raise_on_error=True)
    assert (str(raised.value), raised.value.code) == ("as the user raised it", 5)


@pytest.mark.parametrize("why", ["bound", "local"])
def test_one_that_cannot_leave_its_process_is_told_in_its_words(runs: Runs, why: str) -> None:
    word = {"bound": "BoundError: cannot leave", "local": "Local: of no module"}[why]
    _, raised, status, events = executed(runs, ENDING, raising(why), raise_on_error=True)
    assert status == "FAILURE"
    assert raised is not None
    assert word.partition(": ")[2] in str(raised)
    assert word in events["raises"][-1][2]


# Resources


RESOURCES = reconstructable(ends.with_resources)


def noting(notes: Path, raises_at: str = "", how: str = "own", solid: str = "") -> dict[str, Any]:
    above = {"config": {"notes": str(notes), "raises_at": raises_at, "kind": how}}
    return {
        "resources": {"above": above, "below": {"config": {"notes": str(notes)}}},
        "solids": {"uses": {"config": solid}},
    }


def test_resources_stop_in_the_opposite_order_of_their_start(runs: Runs, tmp_path: Path) -> None:
    result = runs.run(RESOURCES, noting(tmp_path / "notes"))
    assert result.output_for_solid("uses") == "above below is used"
    assert (tmp_path / "notes").read_text().split("\n") == [
        "below starts", "above starts", "above stops", "below stops", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "solid"), [("own", ""), ("exit", ""), ("interrupt", ""), ("own", "failure"), ("own", "exit")]
)
def test_a_resource_that_raises_when_it_is_stopped_fails_the_run_when_all_steps_have_ended(
    runs: Runs, as_in_process: Runs, tmp_path: Path, how: str, solid: str
) -> None:
    config = noting(tmp_path / "notes", "stop", how, solid)
    for raise_on_error in (True, False):
        _, raised, *rest = executed(runs, RESOURCES, config, raise_on_error=raise_on_error)
        _, raised_there, *there = executed(as_in_process, RESOURCES, config, raise_on_error=raise_on_error)
        assert repr(raised) == repr(raised_there)
        assert rest == there


@pytest.mark.parametrize("how", ["own", "exit"])
def test_a_resource_that_raises_when_it_is_started_fails_the_run(runs: Runs, tmp_path: Path, how: str) -> None:
    config = noting(tmp_path / "notes", "start", how)
    _, raised, status, events = executed(runs, RESOURCES, config, raise_on_error=True)
    assert type(raised) is {"own": OwnError, "exit": SystemExit}[how]
    assert status == "FAILURE"
    assert "comes_last" not in events
    assert (tmp_path / "notes").read_text() == "below starts\nbelow stops\n"


@pytest.mark.parametrize(
    "word",
    ["Started step 'one'", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS", "PIPELINE_START", "PIPELINE_SUCCESS"],
)
def test_a_logger_that_raises_never_lets_a_run_succeed_with_steps_left_out(
    runs: Runs, as_in_process: Runs, word: str
) -> None:
    pipeline, config = reconstructable(ends.logged), {"loggers": {"raising": {"config": word}}}
    for raise_on_error in (True, False):
        _, raised, *rest = executed(runs, pipeline, config, raise_on_error=raise_on_error)
        _, raised_there, *there = executed(as_in_process, pipeline, config, raise_on_error=raise_on_error)
        assert (repr(raised), rest) == (repr(raised_there), there)


# Which step comes first


def started(runs: Runs, run_id: str) -> list[str | None]:
    kinds = {DagsterEventType.STEP_START.value, DagsterEventType.STEP_RESTARTED.value}
    logs = runs.instance.all_logs(run_id)
    return [e.step_key for e in logs if e.dagster_event and e.dagster_event.event_type_value in kinds]


def test_steps_begin_by_priority_and_one_that_waits_holds_no_slot(runs: Runs) -> None:
    result = runs.run(reconstructable(ends.in_order), slots=1)
    by_priority = sorted(PRIORITIES, key=lambda name: -PRIORITIES[name])
    order = started(runs, result.run_id)
    assert order[0] == "waits"
    assert order.count("waits") == 2
    assert [key for key in order if key != "waits"] == by_priority
    assert order.index(by_priority[0]) == 1
    assert result.output_for_solid("waits") == 1


@pytest.mark.parametrize("solid", ["waits"])
def test_without_retries_a_request_for_one_fails_the_step(runs: Runs, solid: str) -> None:
    result = runs.run(reconstructable(ends.in_order), retries="disabled")
    assert result.result_for_solid(solid).success is False
    assert started(runs, result.run_id).count(solid) == 1


# Runs that are iterated, nested, side by side


CHAIN = reconstructable(ends.chain)


def starting_at(number: int) -> dict[str, Any]:
    return {"solids": {"starts_at": {"config": number}}}


def test_an_iterator_gives_the_events_of_the_run(runs: Runs) -> None:
    events = list(execute_pipeline_iterator(CHAIN, runs.config(starting_at(3)), instance=runs.instance))
    run = runs.instance.get_runs(limit=1)[0]
    assert run.status is PipelineRunStatus.SUCCESS
    stored = [each.dagster_event for each in runs.instance.all_logs(run.run_id) if each.dagster_event]
    assert events == stored


@pytest.mark.parametrize("count", [1, 4, 9])
def test_an_iterator_that_is_closed_cancels_the_run(runs: Runs, count: int) -> None:
    events = execute_pipeline_iterator(CHAIN, runs.config(starting_at(3)), instance=runs.instance)
    for _ in range(count):
        next(events)
    events.close()
    run = runs.instance.get_runs(limit=1)[0]
    assert run.status is PipelineRunStatus.CANCELED
    of_steps = types_told(told(runs.instance.all_logs(run.run_id)))
    assert of_steps.pop("")[-1] == "PIPELINE_CANCELED"
    assert all({"STEP_SUCCESS", "STEP_FAILURE"} & {*types} for types in of_steps.values() if "STEP_START" in types)


def test_a_step_may_execute_a_run_of_its_own(runs: Runs) -> None:
    result = runs.run(reconstructable(ends.nesting))
    inner_id, success, value = result.output_for_solid("nested")
    assert (success, value) == (True, 1)
    assert runs.instance.get_existing_run(inner_id).status is PipelineRunStatus.SUCCESS


def test_runs_of_one_pipeline_at_the_same_time_do_not_mix(runs: Runs) -> None:
    values: dict[int, Any] = {}

    def execute(number: int) -> None:
        values[number] = runs.run(CHAIN, starting_at(number)).output_for_solid("after_3")

    threads = [threading.Thread(target=execute, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == {0: 0, 1: 1, 2: 2}
