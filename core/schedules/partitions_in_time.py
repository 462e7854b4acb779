"""Partitions that are hours, days, weeks, months or years."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, groupby, takewhile

from core.arguments import checked_arguments
from core.errors import DagsterInvalidDefinitionError
from core.schedules.partition import Partition
from core.schedules.zones import in_zone, zone

DEFAULT_DATE_FORMAT = "%Y-%m-%d"
DEFAULT_MONTHLY_FORMAT = "%Y-%m"
DEFAULT_HOURLY_FORMAT = "%Y-%m-%d-%H:%M"
_FORMATS = {
    "hours": DEFAULT_HOURLY_FORMAT,
    "days": DEFAULT_DATE_FORMAT,
    "weeks": DEFAULT_DATE_FORMAT,
    "months": DEFAULT_MONTHLY_FORMAT,
    "years": "%Y",
}
_MONTHS_IN_A_YEAR = 12
_DAYS_IN_A_WEEK = 7


@checked_arguments("date_partition_range")
def date_partition_range(
    start: datetime,
    end: datetime | None = None,
    delta_range: str = "days",
    fmt: str | None = None,
    inclusive: bool = False,
    timezone: str | None = None,
) -> PartitionsInTime:
    """Partitions in time, for the `partition_fn` of a partition set.

    Each begins where clocks of the timezone show the next hour, day, week, month or year. A day on which the clocks are
    changed has 23 or 25 hours; where they show an hour twice, the name of the second one ends with its distance from
    UTC.

    Args:
        start: when the first one begins; without a timezone of its own on the clocks of `timezone`.
        end: partitions begin before it; by default the time at which the partitions are asked for.
        delta_range: "hours", "days", "weeks", "months" or "years".
        fmt: of the names, as for `strftime`; by default such as 2021-05-01, of months 2021-05, of hours
            2021-05-01-13:00.
        inclusive: whether the last partition that begins by the end counts, which has not passed yet.
        timezone: such as "Europe/Berlin"; that of `start` by default, or UTC.

    Returns:
        A function that returns the partitions, in order; it takes the current time, or nothing.

    Raises:
        DagsterInvalidDefinitionError: the end is before the start, or `delta_range` or the timezone is none.

    >>> days = date_partition_range(datetime(2021, 5, 1), datetime(2021, 5, 4))
    >>> [day.name for day in days()]
    ['2021-05-01', '2021-05-02', '2021-05-03']
    """
    if delta_range not in _FORMATS:
        raise DagsterInvalidDefinitionError(
            f"delta_range is {delta_range!r}; it must be one of {', '.join(map(repr, _FORMATS))}."
        )
    clocks = zone(timezone) if timezone is not None or start.tzinfo is None else start.tzinfo
    first = start if start.tzinfo is None else start.astimezone(clocks)
    last = None if end is None else in_zone(end, clocks)
    if last is not None and last < in_zone(first, clocks):
        raise DagsterInvalidDefinitionError(f"The partitions end on {end}, before they start on {start}.")
    return PartitionsInTime(
        first.replace(tzinfo=None), last, delta_range, fmt or _FORMATS[delta_range], inclusive, clocks
    )


class PartitionsInTime:
    """What `date_partition_range` returns: called for all partitions, and asked for one of them.

    Args:
        first: what clocks show when the first one begins.
        last: when the last one begins at the latest; None for the time at which the partitions are asked for.
        unit: a `delta_range`.
        name_format: of the names.
        inclusive: whether the last partition that begins by the end counts.
        clocks: the timezone.
    """

    def __init__(
        self, first: datetime, last: datetime | None, unit: str, name_format: str, inclusive: bool, clocks: tzinfo
    ) -> None:
        self._first = first
        self._last = last
        self._unit = unit
        self._name_format = name_format
        self._inclusive = inclusive
        self._clocks = clocks

    def __call__(self, current_time: datetime | None = None) -> list[Partition[datetime]]:
        """The partitions, in order.

        Args:
            current_time: with a timezone; now by default.
        """
        limit = self._limit(current_time)
        begun = list(takewhile(lambda moment: moment <= limit, map(self._beginning, count())))
        if not self._inclusive:
            begun = begun[:-1]
        # Where a zone moved over the date line, clocks skipped a whole day: that one and the next begin at once.
        return [self._partition(moment) for moment, _ in groupby(begun)]

    def beginning_at(self, moment: datetime, current_time: datetime | None = None) -> Partition[datetime] | None:
        """The partition that begins at a moment, found without making the others; None if there is none.

        Args:
            moment: with a timezone.
            current_time: as for all of them.
        """
        number = self._number(moment)
        if number < 0 or self._beginning(number) != moment.astimezone(UTC):
            return None
        is_there = self._beginning(number if self._inclusive else number + 1) <= self._limit(current_time)
        return self._partition(self._beginning(number)) if is_there else None

    # Moments are compared in UTC: between two of one timezone, Python compares what clocks show.

    def _limit(self, current_time: datetime | None) -> datetime:
        return in_zone(self._last or current_time or datetime.now(UTC), self._clocks).astimezone(UTC)

    def _beginning(self, number: int) -> datetime:
        if self._unit == "hours":
            moment = self._instant(self._first) + timedelta(hours=number)
            while minutes := (self._first.minute - moment.astimezone(self._clocks).minute) % 60:
                moment += timedelta(minutes=minutes)  # clocks were changed by half an hour, say
            return moment
        # What clocks show is counted, not instants: after a midnight that they skip come midnights again.
        return self._instant(later_on_clocks(self._first, self._unit, number))

    def _instant(self, shown: datetime) -> datetime:
        return in_zone(shown, self._clocks).astimezone(UTC)

    def _number(self, moment: datetime) -> int:
        """Which partition begins at a moment, if one does."""
        if self._unit == "hours":
            return (moment.astimezone(UTC) - self._instant(self._first)) // timedelta(hours=1)
        shown = moment.astimezone(self._clocks).replace(tzinfo=None)
        if self._unit in ("days", "weeks"):
            return (shown.date() - self._first.date()).days // (_DAYS_IN_A_WEEK if self._unit == "weeks" else 1)
        months = (shown.year - self._first.year) * _MONTHS_IN_A_YEAR + shown.month - self._first.month
        return months // (_MONTHS_IN_A_YEAR if self._unit == "years" else 1)

    def _partition(self, moment: datetime) -> Partition[datetime]:
        local = moment.astimezone(self._clocks)
        return Partition(local, _name(local, self._name_format))


def later_on_clocks(shown: datetime, delta_range: str, number: int) -> datetime:
    """What clocks show so many days, weeks, months or years later, or earlier where it is negative.

    A month without that day gives its last one.
    """
    if delta_range in ("days", "weeks"):
        return shown + timedelta(**{delta_range: number})
    months = number * (_MONTHS_IN_A_YEAR if delta_range == "years" else 1)
    year, month = divmod(shown.year * _MONTHS_IN_A_YEAR + shown.month - 1 + months, _MONTHS_IN_A_YEAR)
    return shown.replace(year=year, month=month + 1, day=min(shown.day, monthrange(year, month + 1)[1]))


def _name(moment: datetime, name_format: str) -> str:
    shown = moment.strftime(name_format)
    is_second = moment.fold and moment.replace(fold=0).utcoffset() != moment.utcoffset()
    names_hours = moment.strftime(name_format) != moment.replace(hour=(moment.hour + 1) % 24).strftime(name_format)
    return f"{shown}{moment:%z}" if is_second and names_hours else shown
