"""Code locations: repositories whose code is loaded here or by a server, and what can be asked of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from core.code_servers.questions import (
    PartitionNamesQuestion,
    PartitionRunQuestion,
    Question,
    RepositoriesQuestion,
    ScheduleQuestion,
    SensorQuestion,
)
from core.instance.ref import InstanceRef
from core.records.claim import Claim
from core.records.origin import (
    ExternalRepositoryOrigin,
    RepositoryLocationOrigin,
)
from core.records.snapshots import RepositorySnapshot
from core.schedules.requests import Evaluation, RunRequest

DEFAULT_DEADLINE_SECONDS = 60.0


class CodeLocation(ABC):
    """Repositories whose code somebody has loaded. Used by many threads at once.

    What asks the user's code raises one of the `CodeServerError` family where there is no answer: the code raised, took
    longer than the deadline or ended its process, or nobody can be asked. An answer is what JSON makes of it.

    Attributes:
        name: of the location.
        origin: where it is.
    """

    name: str
    origin: RepositoryLocationOrigin

    def repositories(self, deadline_seconds: float = DEFAULT_DEADLINE_SECONDS) -> list[RepositorySnapshot]:
        """The repositories, with what is in them.

        Args:
            deadline_seconds: how long that may take; likewise below.

        Raises:
            CodeServerError: see there.
        """
        snapshots: list[RepositorySnapshot] = self.ask(RepositoriesQuestion(), deadline_seconds)
        return [replace(each, origin=ExternalRepositoryOrigin(self.origin, each.name)) for each in snapshots]

    def evaluate_schedule(
        self,
        repository: str,
        schedule: str,
        due: datetime,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        instance_ref: InstanceRef | None = None,
    ) -> Evaluation:
        """The runs that a schedule asks for.

        Args:
            repository: the name of the repository.
            schedule: the name of the schedule.
            due: when it is due, with a timezone; its functions see it on the clocks of the schedule's timezone.
            deadline_seconds: see above.
            instance_ref: the instance that its functions may ask.

        Raises:
            CodeServerError: see there.
        """
        asked = ScheduleQuestion(repository, schedule, due, instance_ref)
        evaluation: Evaluation = self.ask(asked, deadline_seconds)
        return evaluation

    def evaluate_sensor(
        self,
        repository: str,
        sensor: str,
        cursor: str | None = None,
        last_run_key: str | None = None,
        last_completion_time: float | None = None,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        instance_ref: InstanceRef | None = None,
    ) -> Evaluation:
        """The runs that a sensor asks for, and how far it has looked.

        Args:
            repository: the name of the repository.
            sensor: the name of the sensor.
            cursor: how far it has looked before.
            last_run_key: the key of the last run it asked for.
            last_completion_time: when it was last evaluated; Unix time in seconds.
            deadline_seconds: see above.
            instance_ref: the instance that its function may ask.

        Raises:
            CodeServerError: see there.
        """
        asked = SensorQuestion(repository, sensor, cursor, last_run_key, last_completion_time, instance_ref)
        evaluation: Evaluation = self.ask(asked, deadline_seconds)
        return evaluation

    def partition_names(
        self, repository: str, partition_set: str, deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    ) -> list[str]:
        """The names of the partitions of a set, in order; raises CodeServerError."""
        names: list[str] = self.ask(PartitionNamesQuestion(repository, partition_set), deadline_seconds)
        return names

    def partition_run(
        self, repository: str, partition_set: str, partition: str, deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    ) -> RunRequest:
        """The run config and the tags of the run for a partition; raises CodeServerError."""
        asked = PartitionRunQuestion(repository, partition_set, partition)
        request: RunRequest = self.ask(asked, deadline_seconds)
        return request

    @abstractmethod
    def ask(self, question: Question, deadline_seconds: float) -> Any:
        """The answer to a question, of its `answer_type`; raises CodeServerError."""

    @abstractmethod
    def start_run(self, run_id: str, instance_ref: InstanceRef, claim: Claim | None = None) -> None:
        """Has a stored run executed that has not begun. It may have ended when this returns.

        Args:
            run_id: the run.
            instance_ref: the instance that it is stored in.
            claim: the one that the caller holds on the run, which its process takes over; None for none.

        Raises:
            CodeServerError: it was not started.
        """

    @abstractmethod
    def can_cancel_run(self, run_id: str) -> bool:
        """Whether a process that was started here executes the run."""

    @abstractmethod
    def cancel_run(self, run_id: str) -> bool:
        """Asks the process of a run to end it, as by SIGTERM; False where there is no such process any more."""
