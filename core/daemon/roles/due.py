"""Which instants of a schedule have come, and which are next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile

from core.records.job import ScheduleJobData
from core.schedules.due_times import due_times
from core.schedules.zones import zone

_FIRST_LOOK_BACK = timedelta(hours=1)


class Due:
    """The instants of one schedule, from the last one that has a tick on.

    The next two are known before the first of them comes: then nothing has to be worked out.

    Args:
        data: the state of the schedule.

    Attributes:
        data: as given.
    """

    def __init__(self, data: ScheduleJobData) -> None:
        self.data = data
        self._zone = zone(data.execution_timezone)
        last = data.last_timestamp if data.last_timestamp is not None else data.start_timestamp
        self._last = datetime.fromtimestamp(last or 0.0, UTC)
        self._times = due_times(data.cron_schedule, self._zone, self._last)
        self._next: deque[datetime] = deque()
        self._look_ahead()

    @property
    def next_timestamp(self) -> float | None:
        """float | None: the next instant, in Unix seconds, which may have come; None where there is none."""
        return self._next[0].timestamp() if self._next else None

    def take(self, now: float, count: int) -> list[float]:
        """The last instants that have come, and have no tick; those before them are passed over.

        Args:
            now: Unix time in seconds.
            count: how many at most.

        Returns:
            Unix times in seconds, ascending.
        """
        until = datetime.fromtimestamp(now, UTC)
        if not self._next or self._next[0] > until:
            return []
        if len(self._next) > 1 and self._next[1] <= until:
            taken = latest_due_times(self.data.cron_schedule, self._zone, self._last, until, count)
            self._times = due_times(self.data.cron_schedule, self._zone, taken[-1])
            self._next.clear()
        else:
            taken = [self._next.popleft()]
        self._last = taken[-1]
        return [each.timestamp() for each in taken]

    def look_ahead(self, data: ScheduleJobData) -> None:
        """Works out what comes next, after `take`; `data` is the state that was stored since."""
        self.data = data
        self._look_ahead()

    def _look_ahead(self) -> None:
        while len(self._next) < 2 and (following := next(self._times, None)) is not None:
            self._next.append(following)


def latest_due_times(
    cron_schedule: str, timezone: tzinfo, after: datetime, until: datetime, count: int
) -> list[datetime]:
    """The last instants at which a cron expression was due, later than `after` and not later than `until`.

    Looks back a little first, and then further, so that what a schedule missed in a year is not counted one by one.

    Args:
        cron_schedule: see `due_times`; likewise `timezone`.
        timezone: see there.
        after: with a timezone.
        until: with a timezone.
        count: how many at most, 1 or more.
    """

    def since(start: datetime) -> Iterator[datetime]:
        return takewhile(lambda each: each <= until, due_times(cron_schedule, timezone, start))

    look_back = _FIRST_LOOK_BACK
    while until - look_back > after:
        found = list(since(until - look_back))
        if len(found) >= count:
            return found[-count:]
        look_back *= 4
    return list(since(after))[-count:]
