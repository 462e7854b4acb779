"""Decorators of the schedules that run a pipeline for each hour, day, week or month."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from core.arguments import checked_arguments
from core.errors import DagsterInvalidDefinitionError
from core.schedules.called import made_of
from core.schedules.cron_schedule import target_name
from core.schedules.partition_sets import PartitionScheduleDefinition, PartitionSetDefinition
from core.schedules.partitions_in_time import date_partition_range, later_on_clocks
from core.schedules.selectors import create_offset_partition_selector
from core.schedules.zones import in_zone, zone

PartitionRunConfigFn = Callable[[datetime], Mapping[str, Any]]
PartitionTagsFn = Callable[[datetime], Mapping[str, Any] | None]
Decorator = Callable[[PartitionRunConfigFn], PartitionScheduleDefinition]
_MIDNIGHT = time(0, 0)
_DAYS_IN_A_WEEK = 7
_MOST_DAYS_IN_A_MONTH = 31
_MINUTES_IN_AN_HOUR = 60


@checked_arguments("hourly schedule")
def hourly_schedule(
    pipeline_name: str | None,
    start_date: datetime,
    name: str | None = None,
    execution_time: time = _MIDNIGHT,
    tags_fn_for_date: PartitionTagsFn | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = "default",
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    end_date: datetime | None = None,
    execution_timezone: str | None = None,
    partition_hours_offset: int = 1,
    description: str | None = None,
    job: Any = None,
) -> Decorator:
    """Decorator: a function from the beginning of an hour to a run config becomes a schedule of a partition an hour.

    Args:
        pipeline_name: the pipeline.
        start_date: when the first hour begins.
        name: of the schedule; the function's by default.
        execution_time: its minute is when the schedule is due.
        tags_fn_for_date: from the beginning of the hour to tags.
        solid_selection: see `ScheduleDefinition`.
        mode: see there.
        should_execute: see there.
        environment_vars: see there.
        end_date: hours begin before it; by default those that have begun.
        execution_timezone: whose clocks count; UTC by default.
        partition_hours_offset: by how many hours the partition begins before the hour in which the schedule is due.
        description: for people.
        job: see there.

    Raises:
        DagsterInvalidDefinitionError: `start_date` has seconds, or another argument does not fit.

    >>> @hourly_schedule("orders", start_date=datetime(2021, 5, 1), execution_time=time(0, 10))
    ... def orders_of_the_hour(hour):
    ...     return {"solids": {"read": {"config": hour.isoformat()}}}
    >>> orders_of_the_hour.cron_schedule
    '10 * * * *'
    """
    _check_start(start_date, is_whole="minute", fits=not (start_date.second or start_date.microsecond))
    minutes = (execution_time.minute - start_date.minute) % _MINUTES_IN_AN_HOUR
    return _PartitionSchedule(
        pipeline_name, name, tags_fn_for_date, solid_selection, mode, should_execute, environment_vars, description, job
    ).decorator(
        "hours",
        f"{execution_time.minute} * * * *",
        (start_date, end_date, execution_timezone),
        partition_hours_offset,
        lambda due: due.astimezone(UTC) - timedelta(minutes=minutes),
    )


@checked_arguments("daily schedule")
def daily_schedule(
    pipeline_name: str | None,
    start_date: datetime,
    name: str | None = None,
    execution_time: time = _MIDNIGHT,
    tags_fn_for_date: PartitionTagsFn | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = "default",
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    end_date: datetime | None = None,
    execution_timezone: str | None = None,
    partition_days_offset: int = 1,
    description: str | None = None,
    job: Any = None,
) -> Decorator:
    """Decorator: a function from the beginning of a day to a run config becomes a schedule of a partition a day.

    Args:
        pipeline_name: the pipeline.
        start_date: the first day, at midnight.
        name: of the schedule; the function's by default.
        execution_time: when the schedule is due.
        tags_fn_for_date: from the beginning of the day to tags.
        solid_selection: see `ScheduleDefinition`.
        mode: see there.
        should_execute: see there.
        environment_vars: see there.
        end_date: days begin before it; by default those that have passed.
        execution_timezone: whose clocks count; UTC by default.
        partition_days_offset: how many days before the day on which the schedule is due the partition is.
        description: for people.
        job: see there.

    Raises:
        DagsterInvalidDefinitionError: `start_date` is not at midnight, or another argument does not fit.

    >>> @daily_schedule("orders", start_date=datetime(2021, 5, 1), execution_time=time(4, 30))
    ... def orders_of_the_day(day):
    ...     return {"solids": {"read": {"config": day.strftime("%Y-%m-%d")}}}
    >>> orders_of_the_day.get_partition_set().get_partition_names(datetime(2021, 5, 3))
    ['2021-05-01', '2021-05-02']
    """
    _check_start(start_date, is_whole="day", fits=start_date.time() == _MIDNIGHT)
    return _PartitionSchedule(
        pipeline_name, name, tags_fn_for_date, solid_selection, mode, should_execute, environment_vars, description, job
    ).decorator(
        "days",
        f"{execution_time.minute} {execution_time.hour} * * *",
        (start_date, end_date, execution_timezone),
        partition_days_offset,
        _midnight,
    )


@checked_arguments("weekly schedule")
def weekly_schedule(
    pipeline_name: str | None,
    start_date: datetime,
    name: str | None = None,
    execution_day_of_week: int = 0,
    execution_time: time = _MIDNIGHT,
    tags_fn_for_date: PartitionTagsFn | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = "default",
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    end_date: datetime | None = None,
    execution_timezone: str | None = None,
    partition_weeks_offset: int = 1,
    description: str | None = None,
    job: Any = None,
) -> Decorator:
    """Decorator: a function from the beginning of a week to a run config becomes a schedule of a partition a week.

    Args:
        pipeline_name: the pipeline.
        start_date: the first day of the first week, at midnight; all weeks begin on its day of the week.
        name: of the schedule; the function's by default.
        execution_day_of_week: when the schedule is due; 0 is Sunday.
        execution_time: when it is due on that day.
        tags_fn_for_date: from the beginning of the week to tags.
        solid_selection: see `ScheduleDefinition`.
        mode: see there.
        should_execute: see there.
        environment_vars: see there.
        end_date: weeks begin before it; by default those that have passed.
        execution_timezone: whose clocks count; UTC by default.
        partition_weeks_offset: how many weeks before the week in which the schedule is due the partition is.
        description: for people.
        job: see there.

    Raises:
        DagsterInvalidDefinitionError: `start_date` is not at midnight, or another argument does not fit.

    >>> @weekly_schedule("orders", start_date=datetime(2021, 5, 3), execution_day_of_week=1)
    ... def orders_of_the_week(monday):
    ...     return {"solids": {"read": {"config": monday.strftime("%Y-%m-%d")}}}
    >>> orders_of_the_week.cron_schedule
    '0 0 * * 1'
    """
    _check_start(start_date, is_whole="day", fits=start_date.time() == _MIDNIGHT)
    _check_day("execution_day_of_week", execution_day_of_week, 0, _DAYS_IN_A_WEEK - 1)
    first_weekday = start_date.weekday()
    return _PartitionSchedule(
        pipeline_name, name, tags_fn_for_date, solid_selection, mode, should_execute, environment_vars, description, job
    ).decorator(
        "weeks",
        f"{execution_time.minute} {execution_time.hour} * * {execution_day_of_week}",
        (start_date, end_date, execution_timezone),
        partition_weeks_offset,
        lambda due: _midnight(due, days_before=(due.weekday() - first_weekday) % _DAYS_IN_A_WEEK),
    )


@checked_arguments("monthly schedule")
def monthly_schedule(
    pipeline_name: str | None,
    start_date: datetime,
    name: str | None = None,
    execution_day_of_month: int = 1,
    execution_time: time = _MIDNIGHT,
    tags_fn_for_date: PartitionTagsFn | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = "default",
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    end_date: datetime | None = None,
    execution_timezone: str | None = None,
    partition_months_offset: int = 1,
    description: str | None = None,
    job: Any = None,
) -> Decorator:
    """Decorator: a function from the beginning of a month to a run config becomes a schedule of a partition a month.

    Args:
        pipeline_name: the pipeline.
        start_date: the first of the first month, at midnight.
        name: of the schedule; the function's by default.
        execution_day_of_month: when the schedule is due; it is not due in months without that day.
        execution_time: when it is due on that day.
        tags_fn_for_date: from the beginning of the month to tags.
        solid_selection: see `ScheduleDefinition`.
        mode: see there.
        should_execute: see there.
        environment_vars: see there.
        end_date: months begin before it; by default those that have passed.
        execution_timezone: whose clocks count; UTC by default.
        partition_months_offset: how many months before the month in which the schedule is due the partition is.
        description: for people.
        job: see there.

    Raises:
        DagsterInvalidDefinitionError: `start_date` is not the first of a month, or another argument does not fit.

    >>> @monthly_schedule("orders", start_date=datetime(2021, 5, 1), execution_day_of_month=3)
    ... def orders_of_the_month(month):
    ...     return {"solids": {"read": {"config": month.strftime("%Y-%m")}}}
    >>> orders_of_the_month.cron_schedule
    '0 0 3 * *'
    """
    _check_start(start_date, is_whole="month", fits=start_date.day == 1 and start_date.time() == _MIDNIGHT)
    _check_day("execution_day_of_month", execution_day_of_month, 1, _MOST_DAYS_IN_A_MONTH)
    return _PartitionSchedule(
        pipeline_name, name, tags_fn_for_date, solid_selection, mode, should_execute, environment_vars, description, job
    ).decorator(
        "months",
        f"{execution_time.minute} {execution_time.hour} {execution_day_of_month} * *",
        (start_date, end_date, execution_timezone),
        partition_months_offset,
        lambda due: _midnight(due, days_before=due.day - 1),
    )


class _PartitionSchedule(NamedTuple):
    """What the four decorators have in common."""

    pipeline_name: str | None
    name: str | None
    tags_fn_for_date: PartitionTagsFn | None
    solid_selection: Sequence[str] | None
    mode: str | None
    should_execute: Callable[..., bool] | None
    environment_vars: Mapping[str, str] | None
    description: str | None
    job: Any

    def decorator(
        self,
        unit: str,
        cron_schedule: str,
        range_: tuple[datetime, datetime | None, str | None],
        offset: int,
        beginning_of: Callable[[datetime], datetime],
    ) -> Decorator:
        """Makes the schedule.

        Args:
            unit: a `delta_range` of `date_partition_range`.
            cron_schedule: when it is due.
            range_: the first beginning, the end and the timezone.
            offset: how many partitions before the one in which it is due.
            beginning_of: from when it is due to the beginning of the partition in which that is: of hours the instant,
                of others what clocks show.
        """
        if not isinstance(offset, int) or offset < 0:
            raise DagsterInvalidDefinitionError(f"partition_{unit}_offset is {offset!r}; give a number, 0 or more.")
        start, end, timezone = range_
        clocks = zone(timezone)
        partition_fn = date_partition_range(start, end, unit, None, offset == 0, timezone or "UTC")

        def partition_of(due: datetime) -> datetime:
            beginning = beginning_of(due.astimezone(clocks))
            if unit == "hours":
                return beginning - timedelta(hours=offset)
            return in_zone(later_on_clocks(beginning, unit, -offset), clocks)

        selector = create_offset_partition_selector(partition_of)

        def make(function: PartitionRunConfigFn) -> PartitionScheduleDefinition:
            own_name = self.name or function.__name__
            tags_fn = self.tags_fn_for_date
            partition_set = PartitionSetDefinition(
                f"{own_name}_partitions",
                target_name(self.pipeline_name, self.job, f"schedule {own_name!r}"),
                partition_fn,
                self.solid_selection,
                self.mode,
                lambda partition: function(partition.value),
                (lambda partition: tags_fn(partition.value)) if tags_fn is not None else None,
            )
            made = partition_set.create_schedule_definition(
                own_name,
                cron_schedule,
                selector,
                self.should_execute,
                self.environment_vars,
                timezone,
                self.description or function.__doc__,
                self.job,
            )
            return made_of(function, made)

        return make


def _midnight(due: datetime, days_before: int = 0) -> datetime:
    """What clocks showed at the beginning of the day of `due`, or of one before it."""
    return datetime.combine(due.date() - timedelta(days=days_before), _MIDNIGHT)


def _check_start(start_date: datetime, *, is_whole: str, fits: bool) -> None:
    if not fits:
        raise DagsterInvalidDefinitionError(
            f"The start_date of the schedule is {start_date}; it must be the beginning of a {is_whole}."
        )


def _check_day(argument: str, day: int, least: int, most: int) -> None:
    if isinstance(day, bool) or not isinstance(day, int) or not least <= day <= most:
        raise DagsterInvalidDefinitionError(f"{argument} is {day!r}; give a whole number from {least} to {most}.")
