"""The report of a run: its steps, totals and failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from core import DagsterInstance, Field, execute_pipeline, pipeline, solid
from core.events.payloads import (
    PipelineFailureData,
    PipelineSuccessData,
    StepFailureData,
    StepRetryData,
    StepSuccessData,
)
from core.events.records import DagsterEvent, EventLogEntry
from core.usage import Usage
from core.views.runs import RunReport, RunTotals, read_run, report_run
from core.views.steps import StepReport, steps_not_ended

USAGE, MORE = Usage(requests=2, bytes_sent=30, write_requests=1), Usage(requests=5, bytes_received=70)


def event(kind: str, step_key: str | None = None, data: object = None, message: str | None = None) -> DagsterEvent:
    return DagsterEvent(kind, "p", message, step_key, event_specific_data=data)  # type: ignore[arg-type]


@solid(config_schema={"fail": Field(bool, default_value=False)})
def first(context):
    if context.solid_config["fail"]:
        raise ValueError("too much rain")
    return 1


@solid
def second(number):
    return number + 1


@pipeline
def counting():
    second(first())


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        yield opened


def test_steps_are_in_the_order_in_which_they_ended_then_those_not_executed() -> None:
    events = [
        event("STEP_START", "b"),
        event("STEP_SUCCESS", "b", StepSuccessData(1500.0, USAGE)),
        event("STEP_MEMOIZED", "a"),
        event("STEP_SKIPPED", "c"),
        event("STEP_FAILURE", "d", StepFailureData(None, duration_ms=20.0)),
    ]
    assert report_run(events, ["a", "b", "e", "c", "d", "e"]).steps == (
        StepReport("b", "executed", 1.5, USAGE),
        StepReport("a", "memoized"),
        StepReport("c", "skipped"),
        StepReport("d", "failed", 0.02),
        StepReport("e", "not executed"),
    )


def test_a_memoized_step_that_is_executed_after_all_counts_as_executed() -> None:
    events = [event("STEP_MEMOIZED", "a"), event("STEP_SUCCESS", "a", StepSuccessData(10.0))]
    assert report_run(events).steps == (StepReport("a", "executed", 0.01),)


def entry(second: int, event: DagsterEvent) -> EventLogEntry:
    return EventLogEntry(None, "", 20, "", "run", float(second), event.step_key, "p", event)


def test_steps_that_have_not_ended_run_or_wait_since_their_last_event() -> None:
    entries = [
        entry(1, event("STEP_MEMOIZED", "again")),
        *(entry(2, event("STEP_START", key)) for key in ("ended", "runs", "waits", "tries", "again")),
        entry(3, event("STEP_SUCCESS", "ended", StepSuccessData(1.0))),
        *(entry(4, event("STEP_UP_FOR_RETRY", key, StepRetryData(None, 60.0))) for key in ("waits", "tries")),
        entry(5, event("STEP_RESTARTED", "tries")),
        entry(6, event("ASSET_MATERIALIZATION", "runs")),
    ]

    def at(second: int) -> datetime:
        return datetime.fromtimestamp(second, UTC)

    expected = {
        "runs": StepReport("runs", "running", since=at(2)),
        "waits": StepReport("waits", "waiting to be run again", since=at(4), until=at(64)),
        "tries": StepReport("tries", "running", since=at(5)),
        "again": StepReport("again", "running", since=at(2)),
    }
    assert steps_not_ended(entries, is_over=False) == expected
    events = [each.dagster_event for each in entries if each.dagster_event]
    reports = report_run(events, ["never", "again", "runs"], not_ended=expected).steps
    assert reports[1:] == (StepReport("never", "not executed"), expected["again"], expected["runs"])
    assert [(key, each.outcome) for key, each in steps_not_ended(entries, is_over=True).items()] == [
        ("runs", "was running when the run ended"),
        ("waits", "was waiting to be run again when the run ended"),
        ("tries", "was running when the run ended"),
        ("again", "was running when the run ended"),
    ]


@pytest.mark.parametrize(
    ("ended", "totals"),
    [
        (event("PIPELINE_SUCCESS", data=PipelineSuccessData(2500.0, MORE, USAGE)), RunTotals(2.5, MORE, USAGE)),
        (event("PIPELINE_FAILURE", data=PipelineFailureData(None, 2500.0, MORE)), RunTotals(2.5, MORE)),
        (event("PIPELINE_START"), None),
        (event("PIPELINE_CANCELED"), None),
    ],
    ids=lambda value: getattr(value, "event_type_value", ""),
)
def test_totals_are_those_of_the_end_of_the_run(ended: DagsterEvent, totals: RunTotals | None) -> None:
    report = report_run([ended])
    assert report.totals == totals
    assert report.uses_remote_storage == (totals is not None)


def test_a_request_of_a_step_is_use_of_remote_storage_before_the_run_has_ended() -> None:
    assert report_run([event("STEP_SUCCESS", "a", StepSuccessData(1.0, USAGE))]).uses_remote_storage
    assert not report_run([event("STEP_SUCCESS", "a", StepSuccessData(1.0))]).uses_remote_storage


def test_failures_are_those_of_steps_and_of_the_run_only_without_them() -> None:
    run_failed = event("PIPELINE_FAILURE", data=PipelineFailureData(), message="the run failed")
    step_failed = event("STEP_FAILURE", "a", StepFailureData(None), "step a failed")
    assert report_run([step_failed, run_failed]).failures == ("step a failed",)
    assert report_run([run_failed]).failures == ("the run failed",)
    assert report_run([event("STEP_SUCCESS", "a", StepSuccessData(1.0), "step a succeeded")]).failures == ()


def test_a_stored_run_is_read_back_as_it_happened(instance: DagsterInstance) -> None:
    result = execute_pipeline(counting, instance=instance)
    read = read_run(instance, result.run_id)
    assert read == report_run(result.event_list, ["first", "second"])
    assert [(step.step_key, step.outcome) for step in read.steps] == [("first", "executed"), ("second", "executed")]
    assert read.totals is not None
    assert read.totals.seconds >= sum(step.seconds or 0 for step in read.steps)
    assert (read.failures, read.tracebacks) == ((), ())


def test_the_traceback_of_a_step_that_failed_is_in_the_report(instance: DagsterInstance) -> None:
    config = {"solids": {"first": {"config": {"fail": True}}}}
    run_id = execute_pipeline(counting, config, instance=instance, raise_on_error=False).run_id
    read = read_run(instance, run_id)
    assert read.steps[0].outcome == "failed"
    (failure,) = read.failures
    assert "first" in failure
    assert any("too much rain" in each and "test_runs.py" in each for each in read.tracebacks)


def test_a_run_without_a_log_has_an_empty_report(instance: DagsterInstance) -> None:
    assert read_run(instance, "unknown") == RunReport(())
