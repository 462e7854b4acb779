"""The events of a run: which ones, in which order, stored as they were told; and what steps print."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    AssetMaterialization,
    DagsterEvent,
    DagsterInstance,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineRunStatus,
    execute_pipeline,
    fs_io_manager,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.compute_logs.names import ComputeIOType
from core.events.payloads import (
    HandledOutputData,
    LoadedInputData,
    PipelineSuccessData,
    StepInputData,
    StepOutputData,
    StepSuccessData,
)

LOG_OF_ONE_STEP = ["LOGS_CAPTURED", "STEP_START"]
ONE_OUTPUT = ["STEP_OUTPUT", "HANDLED_OUTPUT"]
ONE_INPUT = ["LOADED_INPUT", "STEP_INPUT"]


@solid(output_defs=[OutputDefinition(name="rows"), OutputDefinition(name="left_out", is_required=False)])
def read(context: Any) -> Iterator[Any]:
    context.log.info("reading")
    yield AssetMaterialization("table")
    yield Output([1, 2], "rows")


@solid
def count(rows: list[int], factor: int = 10) -> int:
    return len(rows) * factor


@solid
def explain(left_out: Any) -> None:
    del left_out


@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def small() -> None:
    rows, left_out = read()
    count(rows)
    explain(left_out)


def types_by_step(events: list[DagsterEvent]) -> list[tuple[str | None, str]]:
    return [(event.step_key, event.event_type_value) for event in events]


def test_the_events_of_a_run_in_order(instance: DagsterInstance) -> None:
    result = execute_pipeline(small, instance=instance)
    read_events = [*LOG_OF_ONE_STEP, "ASSET_MATERIALIZATION", *ONE_OUTPUT, "STEP_SUCCESS"]
    # The second input of `count` has a default, so nothing is loaded for it.
    count_events = [*LOG_OF_ONE_STEP, *ONE_INPUT, "STEP_INPUT", *ONE_OUTPUT, "STEP_SUCCESS"]
    assert types_by_step(result.event_list) == [
        (None, "PIPELINE_START"),
        *[("read", each) for each in read_events],
        ("explain", "STEP_SKIPPED"),  # as soon as it is known
        *[("count", each) for each in count_events],
        (None, "PIPELINE_SUCCESS"),
    ]


def test_stored_events_are_those_of_the_result_and_of_on_event(instance: DagsterInstance) -> None:
    told: list[DagsterEvent] = []
    result = execute_pipeline(small, instance=instance, on_event=told.append)
    entries = instance.all_logs(result.run_id)
    assert [entry.dagster_event for entry in entries if entry.dagster_event] == result.event_list
    assert told == result.event_list
    assert [entry.user_message for entry in entries if not entry.dagster_event] == ["reading"]
    times = [entry.timestamp for entry in entries]
    assert times == sorted(times)
    assert {entry.run_id for entry in entries} == {result.run_id}


def test_the_status_of_a_run_follows_its_events(instance: DagsterInstance) -> None:
    seen: list[PipelineRunStatus] = []

    @solid
    def look(context: Any) -> None:
        seen.append(context.pipeline_run.status)

    @pipeline
    def looking() -> None:
        look()

    result = execute_pipeline(looking, instance=instance)
    [record] = instance.get_run_records()
    assert record.pipeline_run.run_id == result.run_id
    assert record.pipeline_run.status is PipelineRunStatus.SUCCESS
    assert record.create_timestamp <= record.update_timestamp


def test_events_say_what_happened(instance: DagsterInstance) -> None:
    result = execute_pipeline(small, instance=instance)

    def only(step: str | None, event_type: str) -> Any:
        [event] = [e for e in result.event_list if (e.step_key, e.event_type_value) == (step, event_type)]
        return event.event_specific_data

    loaded = only("count", "LOADED_INPUT")
    assert loaded == LoadedInputData("rows", "io_manager", "rows", "read")
    handled = only("count", "HANDLED_OUTPUT")
    assert isinstance(handled, HandledOutputData)
    assert handled.address is not None
    assert handled.address.endswith(f"{result.run_id}/count/result")
    given = only("read", "STEP_OUTPUT")
    assert isinstance(given, StepOutputData)
    assert (given.output_name, given.type_check_success) == ("rows", True)
    success = only("count", "STEP_SUCCESS")
    assert isinstance(success, StepSuccessData)
    assert success.duration_ms > 0
    total = only(None, "PIPELINE_SUCCESS")
    assert isinstance(total, PipelineSuccessData)
    assert total.duration_ms > success.duration_ms
    taken = [e.event_specific_data for e in result.event_list if e.event_type_value == "STEP_INPUT"]
    assert taken == [StepInputData("rows"), StepInputData("factor")]


def test_a_memoized_run_records_its_versions_and_one_event_a_step(instance: DagsterInstance) -> None:
    @solid(version="1")
    def once() -> int:
        return 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
    def memoized() -> None:
        once()

    execute_pipeline(memoized, instance=instance, memoize=True)
    again = execute_pipeline(memoized, instance=instance, memoize=True)
    assert types_by_step(again.event_list) == [
        (None, "PIPELINE_START"),
        (None, "PLAN_VERSIONED"),
        ("once", "STEP_MEMOIZED"),
        (None, "PIPELINE_SUCCESS"),
    ]
    assert again.result_for_solid("once").success


def test_what_each_step_prints_is_kept_for_it(instance: DagsterInstance, capfd: pytest.CaptureFixture[str]) -> None:
    @solid
    def prints(context: Any) -> None:
        print(f"out of {context.step_key}")
        print(f"error of {context.step_key}", file=sys.stderr)
        subprocess.run([sys.executable, "-c", "print('out of a child, é')"], check=True)

    @pipeline
    def printing() -> None:
        prints()
        prints.alias("again")()

    result = execute_pipeline(printing, instance=instance)
    manager = instance.compute_log_manager
    for step in ("prints", "again"):
        out, err = (manager.read_logs_file(result.run_id, step, io_type) for io_type in ComputeIOType)
        assert out.data == f"out of {step}\nout of a child, é\n"
        assert err.data == f"error of {step}\n"
        assert manager.is_watch_completed(result.run_id, step)
    shown = capfd.readouterr()  # and shown as if nothing had been captured
    assert sorted(shown.out.splitlines()) == sorted(
        line for step in ("prints", "again") for line in (f"out of {step}", "out of a child, é")
    )


def test_what_a_step_prints_before_it_fails_is_kept(instance: DagsterInstance) -> None:
    @solid
    def breaks() -> None:
        print("almost")
        raise ValueError("broken")

    @pipeline
    def breaking() -> None:
        breaks()

    result = execute_pipeline(breaking, instance=instance, raise_on_error=False)
    log = instance.compute_log_manager.read_logs_file(result.run_id, "breaks", ComputeIOType.STDOUT)
    assert log.data == "almost\n"


def test_an_ephemeral_instance_captures_nothing() -> None:
    result = execute_pipeline(small)
    assert "LOGS_CAPTURED" not in {event.event_type_value for event in result.event_list}
