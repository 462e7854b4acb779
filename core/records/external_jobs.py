"""Schedules and sensors by their address, as an instance is given them in a process that need not have their code."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from core.records.origin import ExternalRepositoryOrigin, JobOrigin
from core.records.snapshots import RepositorySnapshot, ScheduleSnapshot, SensorSnapshot


class _ExternalJob(msgspec.Struct, frozen=True):
    repository_origin: ExternalRepositoryOrigin
    snapshot: ScheduleSnapshot | SensorSnapshot

    @property
    def name(self) -> str:
        """str: its name."""
        return self.snapshot.name

    def get_external_origin(self) -> JobOrigin:
        """Its address."""
        return JobOrigin(self.repository_origin.get_id(), self.name)

    def get_external_origin_id(self) -> str:
        """The id of its address, by which its state and its ticks are stored."""
        return self.get_external_origin().get_id()


class ExternalSchedule(_ExternalJob, frozen=True):
    """A schedule of a repository.

    Attributes:
        repository_origin: the repository.
        snapshot: the schedule.
    """

    snapshot: ScheduleSnapshot


class ExternalSensor(_ExternalJob, frozen=True):
    """A sensor of a repository.

    Attributes:
        repository_origin: the repository.
        snapshot: the sensor.
    """

    snapshot: SensorSnapshot


ExternalJob: TypeAlias = ExternalSchedule | ExternalSensor


def external_schedules(repository: RepositorySnapshot) -> list[ExternalSchedule]:
    """The schedules of a repository."""
    return [ExternalSchedule(repository.origin, each) for each in repository.schedules]


def external_sensors(repository: RepositorySnapshot) -> list[ExternalSensor]:
    """The sensors of a repository."""
    return [ExternalSensor(repository.origin, each) for each in repository.sensors]
