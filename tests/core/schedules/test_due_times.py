"""When cron expressions are due, in all timezones, against a table of every minute of three years."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.schedules.due_times import due_times

IS_FULL = bool(os.environ.get("CLOUDSTORE_TEST_FAULTS"))
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# Egypt begins to have summer time in these years; Jordan, Syria and Mexico end it; South Sudan, Volgograd and Greenland
# move to another zone, and Lebanon changes its mind.
BEGIN, END = datetime(2021, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
MINUTES = (END - BEGIN) // MINUTE
MARGIN = 2 * 24 * 60  # what clocks show is at most that much before BEGIN, or after END, in minutes
FIXED = ["30 2 * * *", "0,15,30,45 1-3 * * *", "0 0 * * *", "59 23 * * 0", "5 0 1 * *", "0 12 29 2 *"]
WHENEVER = ["0 * * * *", "*/20 * * * *", "*/30 2 * * *", "15 */2 * * *", "* 0 31 10 *", "45 * 8-14 * 1"]
# Among them zones whose clocks move by half an hour or two hours, at midnight, in the month of Ramadan, or never.
SOME = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Cairo",
    "Asia/Beirut", "Africa/Casablanca", "America/Havana", "America/Santiago", "America/Nuuk", "Asia/Kathmandu",
    "Pacific/Chatham", "Asia/Gaza", "Africa/Juba", "Asia/Amman", "America/St_Johns", "Pacific/Apia", "Asia/Tehran",
    "America/Asuncion",
]  # fmt: skip
ZONES = sorted(available_timezones()) if IS_FULL else [zone for zone in SOME if zone in available_timezones()]


@cache
def shown_in(zone: str) -> NDArray[np.int64]:
    """What clocks show in each minute from BEGIN on, in minutes since BEGIN."""
    timezone = ZoneInfo(zone)

    def offset(minute: int) -> int:
        found = (BEGIN + minute * MINUTE).astimezone(timezone).utcoffset()
        assert found is not None
        return found // MINUTE

    offsets = np.empty(MINUTES, np.int64)
    for hour in range(0, MINUTES, 60):
        first, last = offset(hour), offset(hour + 59)
        offsets[hour : hour + 60] = first if first == last else [offset(hour + each) for each in range(60)]
    return np.arange(MINUTES) + offsets


def in_field(text: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = (least, most) if span == "*" else (int(low), int(high or low))
        found.update(range(first, last + 1, int(step or 1)))
    return found


@cache
def matching(expression: str) -> NDArray[np.bool_]:
    """Whether an expression matches what clocks show, from MARGIN minutes before BEGIN to as long after END."""
    minute, hour, day, month, weekday = expression.split()
    times = np.outer(
        np.isin(np.arange(24), list(in_field(hour, 0, 23))), np.isin(np.arange(60), list(in_field(minute, 0, 59)))
    ).ravel()
    dates = [BEGIN - timedelta(minutes=MARGIN) + number * DAY for number in range((MINUTES + 2 * MARGIN) // (24 * 60))]
    days, weekdays = in_field(day, 1, 31), in_field(weekday, 0, 6)
    matches = [
        (each.day in days, each.isoweekday() % 7 in weekdays, each.month in in_field(month, 1, 12)) for each in dates
    ]
    both = "*" in (day[0], weekday[0])
    on = [
        (of_month and of_week if both else of_month or of_week) and in_month for of_month, of_week, in_month in matches
    ]
    return np.outer(on, times).ravel()


def expected(expression: str, zone: str) -> NDArray[np.int64]:
    """Minutes since BEGIN."""
    shown, matches = shown_in(zone), matching(expression)
    if expression in WHENEVER:
        return np.flatnonzero(matches[shown + MARGIN])
    furthest = np.maximum.accumulate(shown)  # a time is due when clocks first show it, or a later one
    wanted = np.flatnonzero(matches) - MARGIN
    found = np.searchsorted(furthest, wanted[wanted > shown[0]])
    return np.unique(found[found < MINUTES])


def found(expression: str, zone: str, after: int, until: int) -> list[int]:
    times = due_times(expression, ZoneInfo(zone), BEGIN + after * MINUTE)
    return [(each - BEGIN) // MINUTE for each in takewhile(lambda each: each < BEGIN + until * MINUTE, times)]


def windows(zone: str) -> Iterator[tuple[int, int]]:
    """Around each change of the clocks, and some days of each year."""
    changes = np.flatnonzero(np.diff(shown_in(zone)) != 1)
    for middle in [3 * 24 * 60, *(int(change) for change in changes), MINUTES - 4 * 24 * 60]:
        yield max(middle - 3 * 24 * 60 - 7, 1), min(middle + 3 * 24 * 60, MINUTES)


@pytest.mark.parametrize("expression", [*FIXED, *WHENEVER])
def test_each_instant_comes_once_around_every_change_of_the_clocks(expression: str) -> None:
    for zone in ZONES:
        instants = expected(expression, zone)
        for after, until in windows(zone):
            inside = instants[(instants > after) & (instants < until)]
            assert found(expression, zone, after, until) == inside.tolist(), zone


@pytest.mark.skipif(not IS_FULL, reason="with CLOUDSTORE_TEST_FAULTS only: it takes minutes")
@pytest.mark.parametrize("expression", [*FIXED, *WHENEVER])
def test_each_instant_of_three_years_comes_once_in_all_zones(expression: str) -> None:
    known: set[bytes] = set()
    for zone in ZONES:
        clocks = shown_in(zone).tobytes()
        if hash(clocks) not in known:  # else its clocks go as those of a zone that was looked at
            known.add(hash(clocks))  # type: ignore[arg-type]
            instants = expected(expression, zone)
            assert found(expression, zone, 0, MINUTES) == instants[instants > 0].tolist(), zone


@given(
    zone=st.sampled_from(ZONES),
    expression=st.sampled_from([*FIXED, *WHENEVER]),
    after=st.integers(1, MINUTES - 10_000),
    seconds=st.floats(0, 59.9),
)
def test_the_first_instant_is_the_next_one_whenever_it_is_asked_for(
    zone: str, expression: str, after: int, seconds: float
) -> None:
    instants = expected(expression, zone)
    moment = BEGIN + after * MINUTE + timedelta(seconds=seconds)
    later = instants[instants > after]
    first = next(due_times(expression, ZoneInfo(zone), moment))
    if len(later):
        assert first == BEGIN + int(later[0]) * MINUTE
    else:
        assert first >= END


@given(
    year=st.integers(1900, 2037),
    zone=st.sampled_from(sorted(available_timezones())),
    expression=st.sampled_from([*FIXED[:5], *WHENEVER]),
    days=st.integers(0, 365),
)
def test_instants_ascend_in_any_year(year: int, zone: str, expression: str, days: int) -> None:
    after = datetime(year, 1, 1, tzinfo=UTC) + days * DAY
    times = [after, *islice(due_times(expression, ZoneInfo(zone), after), 40)]
    assert all(one.astimezone(UTC) < other.astimezone(UTC) for one, other in pairwise(times))


def test_a_day_that_clocks_skip_is_due_once_and_one_that_they_show_twice_too() -> None:
    apia = list(islice(due_times("0 6 * * *", ZoneInfo("Pacific/Apia"), datetime(2011, 12, 29, tzinfo=UTC)), 3))
    assert [f"{each:%d %H:%M}" for each in apia] == ["29 06:00", "31 00:00", "31 06:00"]
    kwajalein = due_times("0 6 * * *", ZoneInfo("Pacific/Kwajalein"), datetime(1969, 9, 29, tzinfo=UTC))
    assert [str(each) for each in islice(kwajalein, 2)] == ["1969-09-30 06:00:00+11:00", "1969-10-01 06:00:00-12:00"]
    hourly = due_times("0 6 30 9 *", ZoneInfo("Pacific/Kwajalein"), datetime(1969, 9, 29, tzinfo=UTC))
    assert [str(each) for each in islice(hourly, 2)] == ["1969-09-30 06:00:00+11:00", "1970-09-30 06:00:00-12:00"]
    whenever = due_times("0 */6 30 9 *", ZoneInfo("Pacific/Kwajalein"), datetime(1969, 9, 30, 6, tzinfo=UTC))
    assert [f"{each:%d %H:%M %z}" for each in islice(whenever, 4)] == [
        "30 18:00 +1100",
        "30 06:00 -1200",
        "30 12:00 -1200",
        "30 18:00 -1200",
    ]


def test_a_date_that_never_comes_is_never_due() -> None:
    assert next(due_times("* * 29 2 1#1", ZoneInfo("Europe/Berlin"), BEGIN), None) is not None  # or, as cron has it
    assert next(due_times("0 0 29 2 *", UTC, datetime(2097, 1, 1, tzinfo=UTC))) == datetime(2104, 2, 29, tzinfo=UTC)
