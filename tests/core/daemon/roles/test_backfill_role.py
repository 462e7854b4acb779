"""The role that submits the runs of backfills."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from core.code_servers import Workspace
from core.daemon.roles.backfills import BackfillRole
from core.daemon.roles.known_code import KnownCode
from core.errors import DagsterInvariantViolationError, DagsterUserCodeProcessError, DagsterUserCodeUnreachableError
from core.events import DagsterEvent, EventLogEntry
from core.instance import DagsterInstance
from core.records.backfill import BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.origin import ExternalPartitionSetOrigin
from core.records.pipeline_run import PipelineRunStatus
from core.records.snapshots import PartitionSetSnapshot
from core.schedules.requests import RunRequest
from core.serdes import SerializableErrorInfo
from tests.core.daemon.roles.code import Code, until

DAYS = PartitionSetSnapshot("days", "orders", "dry", ("load",))
IN_MEMORY = pytest.mark.parametrize("kind", ["in_memory"], indirect=True)
REQUESTED = BulkActionStatus.REQUESTED


def ask(instance: DagsterInstance, code: Code, *names: str, **more: Any) -> PartitionBackfill:
    origin = ExternalPartitionSetOrigin(code.repository.origin, "days")
    return instance.add_backfill(PartitionBackfill("b", origin, REQUESTED, names, **more))


def turn(instance: DagsterInstance, code: Code) -> None:
    role = BackfillRole(instance, KnownCode(Workspace([code])))
    role.turn(None)
    assert role.flights.wait()
    role.turn(None)
    assert role.flights.wait()


def status_of(instance: DagsterInstance) -> BulkActionStatus | None:
    return instance.schedules.get_backfill_status("b")


def test_each_partition_gets_a_run(instance: DagsterInstance) -> None:
    code, names = Code(DAYS), [f"2021-05-{day:02}" for day in range(1, 31)]
    ask(instance, code, *names, tags={"why": "mended"})
    turn(instance, code)
    runs = instance.get_runs()[::-1]
    assert [run.run_config["day"] for run in runs] == names
    assert runs[0].tags == {
        "team": "a",
        "dagster/partition": "2021-05-01",
        "dagster/priority": "-1",
        "why": "mended",
        "dagster/backfill": "b",
    }
    assert {(run.status, run.mode, tuple(run.solid_selection or ())) for run in runs} == {
        (PipelineRunStatus.QUEUED, "dry", ("load",))
    }
    assert [each.run_id for each in instance.schedules.get_backfill_partitions("b")] == [run.run_id for run in runs]
    [backfill] = instance.get_backfills(BulkActionStatus.COMPLETED)
    assert backfill.last_submitted_partition_name == names[-1]


@IN_MEMORY
def test_a_priority_that_is_asked_for_is_taken(instance: DagsterInstance) -> None:
    code = Code(DAYS)
    ask(instance, code, "a", tags={"dagster/priority": "3"})
    turn(instance, code)
    assert instance.get_runs()[0].tags["dagster/priority"] == "3"


def test_one_that_is_cancelled_gets_no_further_run_and_waiting_runs_are_none(instance: DagsterInstance) -> None:
    code, asked, let_go = Code(DAYS), threading.Event(), threading.Event()

    def answer(question: Any) -> RunRequest:
        if question.partition == "c":
            asked.set()
            assert let_go.wait(60)
        return RunRequest(question.partition, {"day": question.partition})

    code.answers["days"] = answer
    ask(instance, code, "a", "b", "c", "d")
    role = BackfillRole(instance, KnownCode(Workspace([code])))
    role.turn(None)
    assert asked.wait(60)
    until(lambda: len(instance.get_runs()) == 2)
    instance.run_storage.change_status(
        instance.get_runs()[1].run_id, [PipelineRunStatus.QUEUED], PipelineRunStatus.STARTED
    )
    assert instance.cancel_backfill("b") == 1
    [said] = instance.all_logs(instance.get_runs()[0].run_id)
    assert "backfill 'b' was cancelled" in said.user_message
    let_go.set()
    assert role.flights.wait()
    turn(instance, code)
    runs = instance.get_runs()[::-1]
    assert [run.status.value for run in runs] == ["STARTED", "CANCELED", "QUEUED"]
    assert [instance.is_of_canceled_backfill(run) for run in runs] == [True] * 3  # the last one is not launched
    assert status_of(instance) is BulkActionStatus.CANCELED
    with pytest.raises(DagsterInvariantViolationError, match="'b' has ended already: it is CANCELED"):
        instance.cancel_backfill("b")
    with pytest.raises(DagsterInvariantViolationError, match="no backfill 'none'"):
        instance.cancel_backfill("none")


@IN_MEMORY
def test_a_partition_whose_config_cannot_be_made_stops_no_other(instance: DagsterInstance) -> None:
    code = Code(DAYS)

    def answer(question: Any) -> RunRequest:
        if question.partition == "b":
            info = SerializableErrorInfo("LookupError: no rate\n", ("line 7\n",))
            raise DagsterUserCodeProcessError("The code, asked for partition 'b', raised: no such table", [info])
        return RunRequest(question.partition)

    code.answers["days"] = answer
    ask(instance, code, "a", "b", "c")
    turn(instance, code)
    assert len(instance.get_runs()) == 2
    [backfill] = instance.get_backfills(BulkActionStatus.FAILED)
    assert backfill.error is not None
    assert backfill.error.message == "These partitions got no run: b.\n"
    assert "no rate" in backfill.error.to_string()


@IN_MEMORY
def test_code_that_is_away_is_waited_for(instance: DagsterInstance) -> None:
    code = Code(DAYS)
    ask(instance, code, "a", "b")
    role = BackfillRole(instance, KnownCode(Workspace([code])))
    code.answers["days"] = lambda question: setattr(code, "is_away", away) or RunRequest(question.partition)
    away = DagsterUserCodeUnreachableError("Nobody answers.")
    role.turn(None)
    assert role.flights.wait()
    assert status_of(instance) is REQUESTED
    assert len(instance.get_runs()) == 1
    code.is_away = None
    role.turn(None)
    assert role.flights.wait()
    assert status_of(instance) is BulkActionStatus.COMPLETED
    assert len(instance.get_runs()) == 2


@IN_MEMORY
def test_steps_of_the_last_run_are_executed_again(instance: DagsterInstance) -> None:
    code = Code(DAYS)
    origin = code.repository.external_pipeline("orders").origin
    for number, day in enumerate(("a", "a", "b")):
        tags = {"dagster/partition_set": "days", "dagster/partition": day, ".note": "x"}
        instance.create_run("orders", f"{day}{number}", {"n": number}, tags=tags, external_pipeline_origin=origin)
    event = DagsterEvent("STEP_FAILURE", "orders", "m", step_key="clean")
    instance.handle_new_event(EventLogEntry(None, "m", 10, "m", "a1", 1.0, "clean", "orders", event))
    instance.run_storage.change_status("a1", [PipelineRunStatus.NOT_STARTED], PipelineRunStatus.FAILURE)
    ask(instance, code, "a", "b", "c", from_failure=True)
    turn(instance, code)
    statuses = [each.status for each in instance.schedules.get_backfill_partitions("b")]
    assert statuses == [
        BackfillPartitionStatus.SUBMITTED,
        BackfillPartitionStatus.SKIPPED,
        BackfillPartitionStatus.SKIPPED,
    ]
    run = instance.get_runs(limit=1)[0]
    assert (run.parent_run_id, run.root_run_id, run.run_config) == ("a1", "a1", {"n": 1})
    assert run.step_keys_to_execute == ["clean*"]
    assert run.tags["dagster/is_resume_retry"] == "true"
    assert ".note" not in run.tags
