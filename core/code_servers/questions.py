"""What code of the user's is asked, and what answers it where that code is loaded."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from core.instance.ref import InstanceRef
from core.records.snapshots import RepositorySnapshot
from core.schedules.requests import Evaluation, RunRequest


class Question(msgspec.Struct, frozen=True):
    """Something that is asked of the code of a location.

    Attributes:
        method: what a code server is asked by, as in Dagster 0.11.
        answer_type: what it is answered by.
    """

    method: ClassVar[str]
    answer_type: ClassVar[Any]

    def __str__(self) -> str:
        """What is asked for, in messages."""
        return self.method


class RepositoriesQuestion(Question, frozen=True):
    """Which repositories are there, and what is in them?"""

    method = "ExternalRepository"
    answer_type = list[RepositorySnapshot]

    def __str__(self) -> str:
        return "its repositories"


class ScheduleQuestion(Question, frozen=True):
    """Which runs does a schedule ask for?

    Attributes:
        repository: the name of the repository.
        schedule: the name of the schedule.
        due: when it is due, with a timezone.
        instance_ref: the instance that its functions may ask; None for none.
    """

    method = "ExternalScheduleExecution"
    answer_type = Evaluation

    repository: str
    schedule: str
    due: datetime
    instance_ref: InstanceRef | None = None

    def __str__(self) -> str:
        return f"schedule {self.schedule!r}"


class SensorQuestion(Question, frozen=True):
    """Which runs does a sensor ask for?

    Attributes:
        repository: the name of the repository.
        sensor: the name of the sensor.
        cursor: how far it has looked.
        last_run_key: the key of the last run it asked for.
        last_completion_time: when it was last evaluated; Unix time in seconds.
        instance_ref: the instance that its function may ask; None for none.
    """

    method = "ExternalSensorExecution"
    answer_type = Evaluation

    repository: str
    sensor: str
    cursor: str | None = None
    last_run_key: str | None = None
    last_completion_time: float | None = None
    instance_ref: InstanceRef | None = None

    def __str__(self) -> str:
        return f"sensor {self.sensor!r}"


class PartitionNamesQuestion(Question, frozen=True):
    """Which partitions does a set have now?

    Attributes:
        repository: the name of the repository.
        partition_set: the name of the set.
    """

    method = "ExternalPartitionNames"
    answer_type = list[str]

    repository: str
    partition_set: str

    def __str__(self) -> str:
        return f"the partitions of {self.partition_set!r}"


class PartitionRunQuestion(Question, frozen=True):
    """Which run config and tags does the run for a partition get?

    Attributes:
        repository: the name of the repository.
        partition_set: the name of the set.
        partition: the name of the partition.
    """

    method = "ExternalPartitionConfig"
    answer_type = RunRequest

    repository: str
    partition_set: str
    partition: str

    def __str__(self) -> str:
        return f"partition {self.partition!r} of {self.partition_set!r}"


QUESTIONS: dict[str, type[Question]] = {
    kind.method: kind
    for kind in (RepositoriesQuestion, ScheduleQuestion, SensorQuestion, PartitionNamesQuestion, PartitionRunQuestion)
}
