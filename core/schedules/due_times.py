"""The instants at which a cron expression is due on the clocks of a timezone, also where these skip or repeat times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_LONGEST_REPEAT = timedelta(hours=25)  # clocks that were put back over the date line showed a whole day twice
_PROBE = timedelta(hours=1)


def due_times(cron_schedule: str, timezone: tzinfo, after: datetime) -> Iterator[datetime]:
    """The instants at which a cron expression is due, each once, from the first one later than `after` on.

    They are those of Debian's cron. An expression whose minute or hour begins with a star is due whenever clocks show a
    time that it matches: not in an hour that they skip, and twice in one that they repeat. Any other is due at fixed
    times: those that clocks skip are due together, at the first instant after the gap, and those that they show twice
    are due the first time. The sequence ends where a date never comes (the 30th of February).

    Args:
        cron_schedule: five fields.
        timezone: whose clocks count.
        after: with a timezone.
    """
    minute, hour, *_ = cron_schedule.split()
    is_fixed = not minute.startswith("*") and not hour.startswith("*")
    due = _at_fixed_times if is_fixed else _whenever_shown
    return (each.astimezone(timezone) for each in due(cron_schedule, timezone, after.astimezone(UTC)))


def _matches(cron_schedule: str, after: datetime) -> Iterator[datetime]:
    """What clocks show, as datetimes without a timezone, where the expression matches; later than `after`."""
    from cronsim import CronSim  # most processes never look at a schedule

    return CronSim(cron_schedule, after)


def _at_fixed_times(cron_schedule: str, timezone: tzinfo, after: datetime) -> Iterator[datetime]:
    last = after
    for shown in _matches(cron_schedule, _shown(after, timezone)):
        due = _first_showing(shown, timezone)
        if due > last:
            yield due
            last = due


def _whenever_shown(cron_schedule: str, timezone: tzinfo, after: datetime) -> Iterator[datetime]:
    begin = after.replace(microsecond=0) + _SECOND
    while True:
        shown = _shown(begin, timezone)
        # From before what is shown: when clocks are put back they may show times of yesterday again.
        following = next(_matches(cron_schedule, shown - _LONGEST_REPEAT), None)
        if following is None:
            return
        if following - shown > 3 * _DAY:
            begin += following - shown - 2 * _DAY
            continue
        end = begin + _DAY
        for start, stop in _stretches(begin, end, timezone):
            offset = _shown(start, timezone) - start.replace(tzinfo=None)
            for match in _matches(cron_schedule, _shown(start, timezone) - _SECOND):
                due = (match - offset).replace(tzinfo=UTC)
                if due >= stop:
                    break
                yield due
        begin = end


def _shown(moment: datetime, timezone: tzinfo) -> datetime:
    """What the clocks of a timezone show."""
    return moment.astimezone(timezone).replace(tzinfo=None, fold=0)


def _first_showing(shown: datetime, timezone: tzinfo) -> datetime:
    """The first instant at which clocks show that time; where they skip it, the first one after the gap."""
    moment = shown.replace(tzinfo=timezone).astimezone(UTC)
    if _shown(moment, timezone) == shown:
        return moment
    before = shown.replace(tzinfo=timezone, fold=1).astimezone(UTC)  # as far before the gap as `moment` is after it
    return _change(before, moment, timezone)


def _stretches(begin: datetime, end: datetime, timezone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Parts from `begin` to `end`, which is none of them, in each of which clocks go on evenly."""
    start = probed = begin
    while probed < end:
        following = min(probed + _PROBE, end)
        if _offset(following, timezone) != _offset(start, timezone):
            change = _change(probed, following, timezone)
            yield start, change
            start = change
        probed = following
    if start < end:
        yield start, end


def _change(before: datetime, after: datetime, timezone: tzinfo) -> datetime:
    """The first instant, on a whole second, at which clocks have been changed that go otherwise at `after`."""
    low, high = 0, int((after - before).total_seconds())
    offset = _offset(before, timezone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + middle * _SECOND, timezone) == offset:
            low = middle
        else:
            high = middle
    return before + high * _SECOND


def _offset(moment: datetime, timezone: tzinfo) -> timedelta | None:
    return moment.astimezone(timezone).utcoffset()
