"""A code location whose answers the tests say, and an instance in any kind of storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from core.code_servers import CodeLocation
from core.code_servers.questions import (
    PartitionNamesQuestion,
    PartitionRunQuestion,
    Question,
    RepositoriesQuestion,
    ScheduleQuestion,
    SensorQuestion,
)
from core.errors import CodeServerError
from core.instance import DagsterInstance
from core.instance.ref import InstanceRef
from core.records.external_jobs import ExternalSchedule, ExternalSensor
from core.records.job import JobTick
from core.records.origin import (
    ExternalPipeline,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
)
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.records.snapshots import (
    PartitionSetSnapshot,
    PipelineSnapshot,
    RepositorySnapshot,
    ScheduleSnapshot,
    SensorSnapshot,
)
from core.run_coordinator import RunCoordinator
from core.schedules.requests import Evaluation, RunRequest

NOON = datetime(2021, 5, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that tests set; in Unix seconds."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()

    def go_on(self, **duration: float) -> None:
        """By a timedelta's arguments."""
        self.at += timedelta(**duration)


class Code(CodeLocation):
    """Repository "shop" with pipeline "orders", and what tests give it."""

    def __init__(self, *jobs: ScheduleSnapshot | SensorSnapshot | PartitionSetSnapshot) -> None:
        self.origin = InProcessRepositoryLocationOrigin(LoadableTargetOrigin(module_name="shop"))
        self.name = "code"
        self.jobs = list(jobs)
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self.asked: list[str] = []
        self.is_away: CodeServerError | None = None

    @property
    def repository(self) -> RepositorySnapshot:
        """The repository as it is now."""

        def of(kind: Any) -> Any:
            return tuple(job for job in self.jobs if isinstance(job, kind))

        return RepositorySnapshot(
            "shop",
            ExternalRepositoryOrigin(self.origin, "shop"),
            (PipelineSnapshot("orders", ("default",), tags={"team": "a"}),),
            of(ScheduleSnapshot),
            of(SensorSnapshot),
            of(PartitionSetSnapshot),
        )

    def ask(self, question: Question, deadline_seconds: float) -> Any:
        if self.is_away is not None:
            raise self.is_away
        if isinstance(question, RepositoriesQuestion):
            return [self.repository]
        if isinstance(question, PartitionNamesQuestion):
            return self.answers[question.partition_set](question)
        if isinstance(question, PartitionRunQuestion):
            self.asked.append(question.partition)
            return self.answers.get(question.partition_set, _partition)(question)
        assert isinstance(question, ScheduleQuestion | SensorQuestion)
        name = question.schedule if isinstance(question, ScheduleQuestion) else question.sensor
        self.asked.append(f"{name} {question.due:%d %H:%M}" if isinstance(question, ScheduleQuestion) else name)
        return self.answers.get(name, _one_run)(question)

    def schedule(self, name: str) -> ExternalSchedule:
        """A schedule of the repository."""
        return ExternalSchedule(self.repository.origin, self.repository.schedule(name))

    def sensor(self, name: str) -> ExternalSensor:
        """A sensor of the repository."""
        return ExternalSensor(self.repository.origin, self.repository.sensor(name))

    def start_run(self, run_id: str, instance_ref: InstanceRef, claim: Any = None) -> None:
        raise NotImplementedError

    def can_cancel_run(self, run_id: str) -> bool:
        return False

    def cancel_run(self, run_id: str) -> bool:
        return False


def _one_run(question: Any) -> Evaluation:
    return Evaluation((RunRequest("key", {"a": 1}, {"tag": "b"}),))


def _partition(question: PartitionRunQuestion) -> RunRequest:
    return RunRequest(question.partition, {"day": question.partition}, {"dagster/partition": question.partition})


class Queue(RunCoordinator):
    """Submitted runs are QUEUED, and that once."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._storage = instance.run_storage

    def submit_run(self, pipeline_run: PipelineRun, external_pipeline: ExternalPipeline) -> PipelineRun:
        assert external_pipeline.get_external_origin() == pipeline_run.external_pipeline_origin
        expected = [PipelineRunStatus.NOT_STARTED]
        assert self._storage.change_status(pipeline_run.run_id, expected, PipelineRunStatus.QUEUED)
        return pipeline_run

    def can_cancel_run(self, run_id: str) -> bool:
        return True

    def cancel_run(self, run_id: str) -> bool:
        return self._storage.change_status(run_id, [PipelineRunStatus.QUEUED], PipelineRunStatus.CANCELED)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for what threads do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def told(ticks: list[JobTick]) -> list[tuple[str, str]]:
    """When and how ticks were, the oldest first."""
    return [(f"{datetime.fromtimestamp(tick.timestamp, UTC):%d %H:%M}", tick.status.value) for tick in reversed(ticks)]
