"""Wall clocks: timezones by name, and what a cron expression must be."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import DagsterInvalidDefinitionError

_CRON_FIELDS = 5


def zone(name: str | None) -> tzinfo:
    """The timezone of a name such as "Europe/Berlin"; UTC for None.

    Raises:
        DagsterInvalidDefinitionError: the system knows no timezone of that name.
    """
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise DagsterInvalidDefinitionError(
            f"There is no timezone {name!r}; use a name of the tz database, such as 'Europe/Berlin' or 'UTC'."
        ) from error


def in_zone(moment: datetime, timezone: tzinfo) -> datetime:
    """The moment on the clocks of a timezone; one without a timezone is what the clocks there show.

    A time that the clocks skip is moved on by as much as they skip; of one that they show twice, `fold` says which.
    """
    local = moment.replace(tzinfo=timezone) if moment.tzinfo is None else moment
    return local.astimezone(UTC).astimezone(timezone)


def check_cron_schedule(cron_schedule: str, described: str) -> str:
    """`cron_schedule`, when it is a cron expression of five fields.

    Raises:
        DagsterInvalidDefinitionError: it is not.
    """
    from cronsim import CronSim, CronSimError  # most processes never look at a schedule

    try:
        if len(cron_schedule.split()) != _CRON_FIELDS:
            raise CronSimError("it has not five fields")
        CronSim(cron_schedule, datetime(2021, 1, 1, tzinfo=UTC))
    except (CronSimError, AttributeError) as error:
        raise DagsterInvalidDefinitionError(
            f"The cron_schedule of {described} is {cron_schedule!r}, which is not a cron expression ({error}); write "
            "five fields: minute, hour, day of month, month, day of week, such as '30 4 * * *'."
        ) from error
    return cron_schedule
