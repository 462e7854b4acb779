"""What a process knows of repositories whose code it has not loaded: names, and what is needed to ask for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from core.errors import DagsterInvariantViolationError
from core.records.origin import ExternalPipelineOrigin, ExternalRepositoryOrigin


class PipelineSnapshot(msgspec.Struct, frozen=True):
    """A pipeline.

    Attributes:
        name: of the pipeline.
        modes: the names of its modes; the first is used when none is asked for.
        presets: the names of its presets.
        solids: the names of its solids and graphs.
        tags: those that runs of it have.
        description: for people.
    """

    name: str
    modes: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    solids: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    description: str | None = None


class ScheduleSnapshot(msgspec.Struct, frozen=True):
    """A schedule; the attributes are those of its definition.

    Attributes:
        name: of the schedule.
        cron_schedule: when it is due.
        pipeline_name: what it runs.
        execution_timezone: whose clocks count; None for UTC.
        mode: of the runs.
        solid_selection: the solids to execute; None for all.
        partition_set: the name of the partition set whose partitions it runs for; None where it has none.
        environment_vars: of the process that evaluates it.
        description: for people.
    """

    name: str
    cron_schedule: str
    pipeline_name: str
    execution_timezone: str | None = None
    mode: str = "default"
    solid_selection: tuple[str, ...] | None = None
    partition_set: str | None = None
    environment_vars: Mapping[str, str] = {}
    description: str | None = None


class SensorSnapshot(msgspec.Struct, frozen=True):
    """A sensor; the attributes are those of its definition.

    Attributes:
        name: of the sensor.
        targets: the names of the pipelines that it runs.
        mode: of the runs.
        solid_selection: the solids to execute; None for all.
        minimum_interval_seconds: between two evaluations, at least.
        description: for people.
    """

    name: str
    targets: tuple[str, ...]
    mode: str = "default"
    solid_selection: tuple[str, ...] | None = None
    minimum_interval_seconds: float = 30
    description: str | None = None


class PartitionSetSnapshot(msgspec.Struct, frozen=True):
    """A partition set, without its partitions.

    Attributes:
        name: of the set.
        pipeline_name: what is run for a partition.
        mode: of the runs.
        solid_selection: the solids to execute; None for all.
    """

    name: str
    pipeline_name: str
    mode: str = "default"
    solid_selection: tuple[str, ...] | None = None


Named = TypeVar("Named", PipelineSnapshot, ScheduleSnapshot, SensorSnapshot, PartitionSetSnapshot)


class RepositorySnapshot(msgspec.Struct, frozen=True):
    """A repository.

    Attributes:
        name: of the repository.
        origin: where it is.
        pipelines: its pipelines, by name; likewise the others.
        schedules: its schedules.
        sensors: its sensors.
        partition_sets: its partition sets, those of schedules too.
    """

    name: str
    origin: ExternalRepositoryOrigin
    pipelines: tuple[PipelineSnapshot, ...] = ()
    schedules: tuple[ScheduleSnapshot, ...] = ()
    sensors: tuple[SensorSnapshot, ...] = ()
    partition_sets: tuple[PartitionSetSnapshot, ...] = ()

    def pipeline(self, name: str) -> PipelineSnapshot:
        """The pipeline of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("pipeline", name, self.pipelines)

    def schedule(self, name: str) -> ScheduleSnapshot:
        """The schedule of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("schedule", name, self.schedules)

    def sensor(self, name: str) -> SensorSnapshot:
        """The sensor of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("sensor", name, self.sensors)

    def partition_set(self, name: str) -> PartitionSetSnapshot:
        """The partition set of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("partition set", name, self.partition_sets)

    def external_pipeline(self, name: str) -> LocatedPipeline:
        """What run coordinators and launchers are given of a pipeline.

        Raises:
            DagsterInvariantViolationError: there is no pipeline of that name.
        """
        return LocatedPipeline(ExternalPipelineOrigin(self.origin, self.pipeline(name).name))

    def _named(self, what: str, name: str, known: Sequence[Named]) -> Named:
        for each in known:
            if each.name == name:
                return each
        names = ", ".join(sorted(each.name for each in known)) or "none"
        raise DagsterInvariantViolationError(f"Repository {self.name!r} has no {what} {name!r}. Known: {names}.")


class LocatedPipeline(msgspec.Struct, frozen=True):
    """A pipeline by its address: an `ExternalPipeline`.

    Attributes:
        origin: the address.
    """

    origin: ExternalPipelineOrigin

    @property
    def name(self) -> str:
        """str: the name of the pipeline."""
        return self.origin.pipeline_name

    def get_external_origin(self) -> ExternalPipelineOrigin:
        """Where its code is."""
        return self.origin
