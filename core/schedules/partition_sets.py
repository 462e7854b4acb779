"""Partition sets: the parts, most often days, that runs of a pipeline are made for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from inspect import signature
from typing import Any

from core.arguments import check_returned, checked_arguments
from core.definitions.parts.configurable import check_name
from core.errors import (
    DagsterInvariantViolationError,
    DagsterUnknownPartitionError,
    PartitionExecutionError,
    user_code_error_boundary,
)
from core.events.user_events import normalize_tags
from core.records.tags import PARTITION_NAME_TAG, PARTITION_SET_TAG
from core.schedules.contexts import ScheduleEvaluationContext, call_with
from core.schedules.cron_schedule import ScheduleDefinition
from core.schedules.partition import Partition
from core.schedules.partitions_in_time import PartitionsInTime
from core.schedules.requests import RunRequest, SkipReason

PartitionFn = Callable[..., Sequence[Any]]
PartitionSelector = Callable[
    [ScheduleEvaluationContext, "PartitionSetDefinition"], Partition[Any] | Sequence[Partition[Any]] | SkipReason
]


class PartitionSetDefinition:
    """The partitions that a pipeline is run for, and what each run gets.

    Args:
        name: of the set.
        pipeline_name: the pipeline.
        partition_fn: the partitions, in order, as Partitions or plain values; called with the current time where it
            takes an argument.
        solid_selection: the solids to execute; all by default.
        mode: of the runs; "default" by default.
        run_config_fn_for_partition: from a partition to a run config; an empty one by default.
        tags_fn_for_partition: from a partition to tags, to which those that name the partition and the set are added.

    Raises:
        DagsterInvalidDefinitionError: a name is none.

    Example:
        >>> from core import PartitionSetDefinition
        >>> cities = PartitionSetDefinition(
        ...     "cities",
        ...     "forecast",
        ...     partition_fn=lambda: ["Oslo", "Rome"],
        ...     run_config_fn_for_partition=lambda city: {"solids": {"ask": {"config": {"city": city.value}}}},
        ... )
        >>> cities.run_config_for_partition(cities.get_partition("Rome"))
        {'solids': {'ask': {'config': {'city': 'Rome'}}}}
    """

    @checked_arguments("partition set")
    def __init__(
        self,
        name: str,
        pipeline_name: str,
        partition_fn: PartitionFn,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        run_config_fn_for_partition: Callable[[Partition[Any]], Mapping[str, Any]] | None = None,
        tags_fn_for_partition: Callable[[Partition[Any]], Mapping[str, Any] | None] | None = None,
    ) -> None:
        self.name = check_name(name, "partition set")
        self.pipeline_name = pipeline_name
        self.solid_selection = None if solid_selection is None else list(solid_selection)
        self.mode = mode or "default"
        self._partition_fn = partition_fn
        self._run_config_fn = run_config_fn_for_partition or (lambda partition: {})
        self._tags_fn = tags_fn_for_partition or (lambda partition: {})

    def get_partitions(self, current_time: datetime | None = None) -> list[Partition[Any]]:
        """The partitions, in order.

        Args:
            current_time: those there are at that time, of sets that grow with time; now by default.

        Raises:
            PartitionExecutionError: the partition function raised.
            DagsterInvariantViolationError: two partitions have one name.
        """
        with user_code_error_boundary(PartitionExecutionError, f"The partition function of {self.name!r} raised"):
            takes_time = bool(signature(self._partition_fn).parameters)
            given = self._partition_fn(current_time) if takes_time else self._partition_fn()
            check_returned(given, Iterable[Any], f"partition_fn of partition set {self.name!r}")
            partitions = [each if isinstance(each, Partition) else Partition(each) for each in given]
        names: set[str] = set()
        for each in partitions:
            if each.name in names:
                raise DagsterInvariantViolationError(
                    f"Partition set {self.name!r} has two partitions called {each.name!r}; give them different names."
                )
            names.add(each.name)
        return partitions

    def get_partition(self, name: str, current_time: datetime | None = None) -> Partition[Any]:
        """The partition of that name.

        Raises:
            DagsterUnknownPartitionError: there is none.
        """
        for each in self.get_partitions(current_time):
            if each.name == name:
                return each
        raise DagsterUnknownPartitionError(f"Partition set {self.name!r} has no partition called {name!r}.")

    def partition_beginning_at(self, moment: datetime, current_time: datetime | None = None) -> Partition[Any] | None:
        """The partition in time that begins at a moment; None if there is none.

        Args:
            moment: with a timezone.
            current_time: see `get_partitions`.
        """
        if isinstance(self._partition_fn, PartitionsInTime):
            return self._partition_fn.beginning_at(moment, current_time)
        beginning = (each for each in self.get_partitions(current_time) if isinstance(each.value, datetime))
        return next((each for each in beginning if each.value == moment), None)

    def _has(self, partition: Partition[Any], current_time: datetime) -> bool:
        if isinstance(self._partition_fn, PartitionsInTime) and isinstance(partition.value, datetime):
            return self._partition_fn.beginning_at(partition.value, current_time) == partition
        return partition.name in self.get_partition_names(current_time)

    def get_partition_names(self, current_time: datetime | None = None) -> list[str]:
        """The names of the partitions, in order; see `get_partitions`."""
        return [each.name for each in self.get_partitions(current_time)]

    def run_config_for_partition(self, partition: Partition[Any]) -> dict[str, Any]:
        """The run config of the run for a partition, a copy.

        Raises:
            PartitionExecutionError: the function for run configs raised.
        """
        message = f"The run config function of partition set {self.name!r} raised for {partition.name!r}"
        with user_code_error_boundary(PartitionExecutionError, message):
            given = self._run_config_fn(partition)
            check_returned(given, Mapping | None, f"run_config_fn_for_partition of partition set {self.name!r}")
            return deepcopy(dict(given or {}))

    def tags_for_partition(self, partition: Partition[Any]) -> dict[str, str]:
        """The tags of the run for a partition.

        Raises:
            PartitionExecutionError: the function for tags raised.
        """
        message = f"The tags function of partition set {self.name!r} raised for {partition.name!r}"
        with user_code_error_boundary(PartitionExecutionError, message):
            given = self._tags_fn(partition)
            check_returned(given, Mapping | None, f"tags_fn_for_partition of partition set {self.name!r}")
            tags = normalize_tags(given, f"partition {partition.name!r}")
        return {**tags, PARTITION_SET_TAG: self.name, PARTITION_NAME_TAG: partition.name}

    @checked_arguments("a schedule of a partition set")
    def create_schedule_definition(
        self,
        schedule_name: str,
        cron_schedule: str,
        partition_selector: PartitionSelector,
        should_execute: Callable[..., bool] | None = None,
        environment_vars: Mapping[str, str] | None = None,
        execution_timezone: str | None = None,
        description: str | None = None,
        job: Any = None,
    ) -> PartitionScheduleDefinition:
        """A schedule that runs the pipeline for partitions of this set.

        Args:
            schedule_name: of the schedule.
            cron_schedule: when it is due.
            partition_selector: from the context and this set to the partitions to run for, or a SkipReason.
            should_execute: see `ScheduleDefinition`; likewise the others.
            environment_vars: see there.
            execution_timezone: see there.
            description: see there.
            job: see there; in place of this set's pipeline.
        """

        def execute(context: ScheduleEvaluationContext) -> SkipReason | list[RunRequest]:
            if should_execute is not None and not call_with(should_execute, context):
                return SkipReason(f"should_execute of schedule {schedule_name!r} said no.")
            selected = partition_selector(context, self)
            if isinstance(selected, SkipReason):
                return selected
            chosen = [selected] if isinstance(selected, Partition) else list(selected or ())
            if not chosen:
                return SkipReason("The partition selector chose no partition.")
            due = context.scheduled_execution_time or datetime.now(UTC)
            return [self._request(each, due) for each in chosen]

        return PartitionScheduleDefinition(
            name=schedule_name,
            cron_schedule=cron_schedule,
            pipeline_name=None if job is not None else self.pipeline_name,
            solid_selection=self.solid_selection,
            mode=self.mode,
            environment_vars=environment_vars,
            execution_timezone=execution_timezone,
            execution_fn=execute,
            description=description,
            job=job,
            partition_set=self,
        )

    def _request(self, partition: Partition[Any], due: datetime) -> RunRequest:
        if not self._has(partition, due):
            raise DagsterUnknownPartitionError(
                f"The partition selector chose {partition.name!r}, which is no partition of set {self.name!r}."
            )
        return RunRequest(partition.name, self.run_config_for_partition(partition), self.tags_for_partition(partition))

    def __repr__(self) -> str:
        return f"PartitionSetDefinition({self.name!r}, {self.pipeline_name!r})"


class PartitionScheduleDefinition(ScheduleDefinition):
    """A schedule that runs a pipeline for the partitions of a set.

    Args:
        partition_set: the set.
        arguments: those of `ScheduleDefinition`.

    Example:
        >>> from core import PartitionScheduleDefinition, PartitionSetDefinition, RunRequest
        >>> cities = PartitionSetDefinition("cities", "forecast", lambda: ["Oslo", "Rome"])
        >>> every_morning = PartitionScheduleDefinition(
        ...     partition_set=cities,
        ...     name="every_morning",
        ...     cron_schedule="0 6 * * *",
        ...     pipeline_name="forecast",
        ... )
        >>> every_morning.get_partition_set().get_partition_names()
        ['Oslo', 'Rome']
    """

    @checked_arguments("schedule")
    def __init__(self, *, partition_set: PartitionSetDefinition, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._partition_set = partition_set

    def get_partition_set(self) -> PartitionSetDefinition:
        """The set."""
        return self._partition_set
