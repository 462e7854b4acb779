"""The run coordinators that come with the engine: what becomes of runs that are submitted, and cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import DagsterInstance, PipelineRunStatus, execute_run, lambda_solid, pipeline
from core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError, DagsterRunConflict
from core.instance import InstanceType
from core.instance.ref import InstanceRef
from core.launcher import RunLauncher
from core.records.claim import OFFERED, Claim
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
)
from core.records.pipeline_run import PipelineRun
from core.records.queue import QueueLimits, TagLimit
from core.run_coordinator import DefaultRunCoordinator, QueuedRunCoordinator, RunCoordinator

LOCATION = InProcessRepositoryLocationOrigin(LoadableTargetOrigin(python_file="flights.py"))
ORIGIN = ExternalPipelineOrigin(ExternalRepositoryOrigin(LOCATION, "prices"), "count")
Make = Callable[..., DagsterInstance]


class Noted(RunLauncher):
    """Notes what it is asked for, and starts nothing."""

    def __init__(self) -> None:
        self.launched: list[tuple[str, object]] = []
        self.told_to_end: list[str] = []
        self.error: Exception | None = None

    def launch_run(self, run: PipelineRun, external_pipeline: Any) -> PipelineRun:
        assert run.status is PipelineRunStatus.STARTING
        if self.error is not None:
            raise self.error
        self.launched.append((run.run_id, external_pipeline.get_external_origin()))
        return run

    def can_terminate(self, run_id: str) -> bool:
        return run_id in dict(self.launched)

    def terminate(self, run_id: str) -> bool:
        self.told_to_end.append(run_id)
        return self.can_terminate(run_id)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[DagsterInstance] = []

    def make(coordinator: RunCoordinator, launcher: RunLauncher | None = None) -> DagsterInstance:
        plain = DagsterInstance.local_temp(str(tmp_path))
        made.append(plain)
        made.append(
            DagsterInstance(
                InstanceType.PERSISTENT,
                plain.local_artifact_storage,
                plain.run_storage,
                plain.event_log_storage,
                plain.compute_log_manager,
                run_coordinator=coordinator,
                run_launcher=launcher,
            )
        )
        made[-1].create_run("count", "r", external_pipeline_origin=ORIGIN)
        return made[-1]

    yield make
    for each in made:
        each.dispose()


def told(instance: DagsterInstance, run_id: str = "r") -> list[str]:
    return [each.dagster_event.event_type_value for each in instance.all_logs(run_id) if each.dagster_event]


def test_a_queued_run_waits_until_it_is_taken_out_and_launched(make: Make) -> None:
    launcher = Noted()
    instance = make(QueuedRunCoordinator(), launcher)
    assert instance.submit_run("r").status is PipelineRunStatus.QUEUED
    assert instance.submit_run("r").status is PipelineRunStatus.QUEUED  # by who does not know whether it has done so
    assert (told(instance), launcher.launched) == (["PIPELINE_ENQUEUED"], [])
    role = instance.run_storage.claim_role("queue", "a", 1000)
    assert role is not None
    (dequeued,) = instance.run_storage.dequeue(role, QueueLimits(), 5, 1000)
    instance.launch_dequeued_run(dequeued)
    assert launcher.launched == [("r", ORIGIN)]
    assert told(instance) == ["PIPELINE_ENQUEUED", "PIPELINE_DEQUEUED", "PIPELINE_STARTING"]
    stats = instance.get_run_stats("r")
    assert stats.enqueued_time is not None
    assert stats.launch_time is not None
    assert (stats.start_time, stats.end_time, stats.steps_succeeded) == (None, None, 0)


def test_a_run_that_is_not_launched_waits_again_and_fails_after_three_times(make: Make) -> None:
    launcher = Noted()
    launcher.error = ValueError("no server")
    instance = make(QueuedRunCoordinator(), launcher)
    instance.submit_run("r")
    role = instance.run_storage.claim_role("queue", "a", 1000)
    assert role is not None
    statuses = []
    for _ in range(3):
        (dequeued,) = instance.run_storage.dequeue(role, QueueLimits(), 5, 1000)
        with pytest.raises(ValueError, match="no server"):
            instance.launch_dequeued_run(dequeued)
        statuses.append(instance.get_existing_run("r").status.value)
    assert statuses == ["QUEUED", "QUEUED", "FAILURE"]
    assert told(instance)[-1] == "PIPELINE_FAILURE"
    assert instance.all_logs("r")[-1].user_message == "The run was not launched, tried 3 times: no server"


def test_a_run_whose_process_began_though_its_launch_failed_goes_on(make: Make) -> None:
    launcher = Noted()
    instance = make(QueuedRunCoordinator(), launcher)
    instance.submit_run("r")
    role = instance.run_storage.claim_role("queue", "a", 1000)
    assert role is not None
    (dequeued,) = instance.run_storage.dequeue(role, QueueLimits(), 5, 1000)
    begun = instance.take_up_run("r")
    launcher.error = TimeoutError("no answer")
    with pytest.raises(TimeoutError):
        instance.launch_dequeued_run(dequeued)
    assert instance.get_existing_run("r").status is PipelineRunStatus.STARTED
    assert begun is not None
    begun.check()


def test_a_run_is_launched_at_once_where_there_is_no_queue(make: Make) -> None:
    launcher = Noted()
    instance = make(DefaultRunCoordinator(), launcher)
    assert instance.submit_run("r").status is PipelineRunStatus.STARTING
    assert launcher.launched == [("r", ORIGIN)]
    assert instance.run_storage.get_claim("r") == Claim("r", OFFERED, 1)
    assert instance.get_required_daemon_types() == ["BACKFILL", "DEAD_RUNS", "SENSOR"]
    with pytest.raises(DagsterRunConflict):
        make_started(instance)


def make_started(instance: DagsterInstance) -> None:
    instance.take_up_run("r")
    instance.launch_run("r")


def test_a_run_that_the_launcher_refuses_has_failed(make: Make) -> None:
    launcher = Noted()
    launcher.error = ValueError("no server")
    instance = make(DefaultRunCoordinator(), launcher)
    with pytest.raises(ValueError, match="no server"):
        instance.submit_run("r")
    assert instance.get_existing_run("r").status is PipelineRunStatus.FAILURE


@pytest.mark.parametrize("kind", [QueuedRunCoordinator, DefaultRunCoordinator])
def test_a_run_that_waits_is_cancelled_and_never_launched(make: Make, kind: Callable[[], RunCoordinator]) -> None:
    launcher = Noted()
    instance = make(kind(), launcher)
    if kind is QueuedRunCoordinator:
        instance.submit_run("r")
    coordinator = instance.run_coordinator
    assert coordinator is not None
    assert coordinator.can_cancel_run("r")
    assert instance.cancel_run("r")
    assert instance.get_existing_run("r").status is PipelineRunStatus.CANCELED
    assert told(instance)[-1] == "PIPELINE_CANCELED"
    assert not coordinator.can_cancel_run("r")
    assert not instance.cancel_run("r")
    assert instance.run_storage.get_queue() == []
    assert instance.submit_run("r") is not None if kind is QueuedRunCoordinator else True
    assert instance.get_existing_run("r").status is PipelineRunStatus.CANCELED


def test_the_launcher_ends_a_run_that_was_launched(make: Make) -> None:
    launcher = Noted()
    instance = make(DefaultRunCoordinator(), launcher)
    instance.submit_run("r")
    assert instance.cancel_run("r")
    assert launcher.told_to_end == ["r"]


def test_a_run_without_an_origin_is_not_queued(make: Make) -> None:
    instance = make(QueuedRunCoordinator())
    instance.create_run("count", "nowhere")
    with pytest.raises(DagsterInvariantViolationError, match="Run nowhere does not say where the code of pipeline"):
        instance.submit_run("nowhere")
    assert instance.get_existing_run("nowhere").status is PipelineRunStatus.NOT_STARTED
    assert told(instance, "nowhere") == []


def test_who_executes_a_launched_run_takes_it_over(make: Make) -> None:
    instance = make(DefaultRunCoordinator(), Noted())
    count = pipeline(name="count")(lambda: lambda_solid(name="one")(lambda: 1)())
    instance.submit_run("r")
    result = execute_run(count, instance.get_existing_run("r"), instance)
    assert result.success
    stats = instance.get_run_stats("r")
    assert (stats.steps_succeeded, stats.steps_failed, stats.materializations, stats.expectations) == (1, 0, 0, 0)
    assert stats.end_time is not None
    assert stats.start_time is not None
    assert stats.end_time >= stats.start_time


def test_a_launched_run_is_refused_to_a_second_process(make: Make, tmp_path: Path) -> None:
    instance = make(DefaultRunCoordinator(), Noted())
    instance.submit_run("r")
    run = instance.get_existing_run("r")
    with (
        DagsterInstance.local_temp(str(tmp_path)) as of_second,
        instance.preparing_run(run),
        instance.preparing_run(run),
        pytest.raises(DagsterRunConflict, match="another process is about to execute it"),
        of_second.preparing_run(run),
    ):
        pass
    assert instance.run_storage.get_claim("r") is None
    assert instance.get_existing_run("r").status is PipelineRunStatus.STARTING


def test_an_instance_has_a_queue_by_default(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.get_required_daemon_types() == [
            "BACKFILL",
            "DEAD_RUNS",
            "QUEUED_RUN_COORDINATOR",
            "SCHEDULER",
            "SENSOR",
        ]
    with DagsterInstance.ephemeral() as instance:
        assert instance.get_required_daemon_types() == []


COORDINATOR = "run_coordinator: {module: core.run_coordinator, class: QueuedRunCoordinator, config: {CONFIG}}"


def configured(tmp_path: Path, config: str) -> QueuedRunCoordinator:
    (tmp_path / "dagster.yaml").write_text(COORDINATOR.replace("CONFIG", config))
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        return instance.run_coordinator


def test_limits_are_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOST", "25")
    made = configured(
        tmp_path,
        "max_concurrent_runs: {env: MOST}, dequeue_interval_seconds: 2, "
        "tag_concurrency_limits: [{key: team, limit: 5}, {key: team, value: ads, limit: 0}, "
        "{key: bucket, value: {applyLimitPerUniqueValue: true}, limit: 1}]",
    )
    limits = (TagLimit("team", 5), TagLimit("team", 0, "ads"), TagLimit("bucket", 1, is_per_value=True))
    assert (made.limits, made.dequeue_interval_seconds) == (QueueLimits(25, limits), 2.0)
    plain = configured(tmp_path, "")
    assert (plain.limits, plain.dequeue_interval_seconds) == (QueueLimits(10), 5.0)
    assert configured(tmp_path, "max_concurrent_runs: -1").limits.max_runs is None


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ("max_concurrent_runs: -2", "max_concurrent_runs: expected a whole number, 0 or more, or -1"),
        ("dequeue_interval_seconds: 0", "dequeue_interval_seconds: expected a number of seconds above 0"),
        ("tag_concurrency_limits: [{key: team}]", "limit"),
        ("tag_concurrency_limits: [{key: team, limit: -1}]", "expected a whole number, 0 or more"),
        ("tag_concurrency_limits: [{key: team, limit: 1, value: {perValue: true}}]", "perValue"),
        ("max_runs: 1", "max_runs"),
    ],
)
def test_wrong_limits_are_refused(tmp_path: Path, config: str, fault: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=fault):
        configured(tmp_path, config)
