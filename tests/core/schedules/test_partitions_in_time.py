"""Partitions in time, on the clocks of every timezone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DagsterInvalidDefinitionError,
    PartitionSetDefinition,
    SkipReason,
    build_schedule_context,
    create_offset_partition_selector,
    date_partition_range,
    identity_partition_selector,
)

ZONES = sorted(available_timezones())
UNITS = ["hours", "days", "weeks", "months", "years"]
MIDNIGHTS = st.dates(datetime(1990, 1, 1).date(), datetime(2035, 1, 1).date()).map(
    lambda day: datetime(day.year, day.month, day.day)
)


@settings(max_examples=150, deadline=None)
@given(zone=st.sampled_from(ZONES), start=MIDNIGHTS, unit=st.sampled_from(UNITS), seconds=st.integers(0, 366 * 86_400))
def test_partitions_follow_each_other_without_gap_or_repetition(
    zone: str, start: datetime, unit: str, seconds: int
) -> None:
    first = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    now = first + timedelta(seconds=seconds // (40 if unit == "hours" else 1))
    set_of_partitions = date_partition_range(start, delta_range=unit, timezone=zone)
    partitions = set_of_partitions(now)
    assert partitions == [set_of_partitions.beginning_at(each.value, now) for each in partitions]
    values, names = [each.value for each in partitions], [each.name for each in partitions]
    assert len(set(names)) == len(names)
    moments = [value.astimezone(UTC) for value in values]
    assert all(earlier < later for earlier, later in pairwise(moments))
    assert all(value.tzinfo == ZoneInfo(zone) for value in values)
    assert all(moment <= now for moment in moments)
    if moments and unit == "hours":
        changes = {value.utcoffset() for value in values}
        steps = {later - earlier for earlier, later in pairwise(moments)}
        is_whole = all(
            (one - other) % timedelta(hours=1) == timedelta(0) for one in changes for other in changes if one and other
        )
        assert {value.minute for value in values} == {0}
        assert steps <= {timedelta(hours=1)} if is_whole else all(step < timedelta(hours=2) for step in steps)
        assert timedelta(0) <= now - moments[-1] - timedelta(hours=1) < timedelta(hours=1) or not is_whole
    if moments and unit == "days":  # a zone that moved over the date line has a day that never was
        days = [value.date() for value in values]
        steps = [(later - earlier).days for earlier, later in pairwise(days)]
        assert set(steps) <= {1, 2}
        assert steps.count(2) <= 1


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2021, 3, 28), 23),
        ("Europe/Berlin", datetime(2021, 10, 31), 25),
        ("UTC", datetime(2021, 3, 28), 24),
    ],
)
def test_a_day_on_which_clocks_are_changed_has_another_number_of_hours(zone: str, day: datetime, hours: int) -> None:
    partitions = date_partition_range(day, day + timedelta(days=1), "hours", timezone=zone)()
    assert len(partitions) == hours


def test_an_hour_that_clocks_show_twice_has_two_names() -> None:
    names = [
        each.name
        for each in date_partition_range(
            datetime(2021, 10, 31, 1), datetime(2021, 10, 31, 4), "hours", timezone="Europe/Berlin"
        )()
    ]
    assert names == ["2021-10-31-01:00", "2021-10-31-02:00", "2021-10-31-02:00+0100", "2021-10-31-03:00"]


def test_a_day_whose_midnight_the_clocks_skip_begins_when_it_does() -> None:
    start = datetime(2018, 11, 3)  # in Sao Paulo, midnight of the 4th was 1 o'clock
    days = date_partition_range(start, datetime(2018, 11, 7), timezone="America/Sao_Paulo")()
    assert [str(each.value) for each in days] == [
        "2018-11-03 00:00:00-03:00",
        "2018-11-04 01:00:00-02:00",
        "2018-11-05 00:00:00-02:00",
        "2018-11-06 00:00:00-02:00",
    ]


def test_a_day_that_never_was_is_no_partition() -> None:
    names = [
        each.name
        for each in date_partition_range(datetime(2011, 12, 29), datetime(2012, 1, 2), timezone="Pacific/Apia")()
    ]
    assert names == ["2011-12-29", "2011-12-31", "2012-01-01"]


@pytest.mark.parametrize(
    ("unit", "names"),
    [
        ("months", ["2020-10", "2020-11", "2020-12", "2021-01"]),
        ("weeks", ["2020-10-31", "2020-11-07", "2020-11-14"]),
        ("years", ["2020", "2021"]),
    ],
)
def test_names_are_such_as_people_read(unit: str, names: list[str]) -> None:
    partitions = date_partition_range(datetime(2020, 10, 31), delta_range=unit, inclusive=True)
    shown = [each.name for each in partitions(datetime(2021, 10, 31, tzinfo=UTC))]
    assert shown[: len(names)] == names


def test_months_that_lack_the_day_begin_on_their_last_one() -> None:
    months = date_partition_range(datetime(2021, 1, 31), datetime(2021, 4, 30), "months", "%m-%d", inclusive=True)()
    assert [each.name for each in months] == ["01-31", "02-28", "03-31", "04-30"]


@pytest.mark.parametrize(("inclusive", "count"), [(False, 3), (True, 4)])
def test_the_partition_that_has_not_passed_counts_only_where_asked_for(inclusive: bool, count: int) -> None:
    days = date_partition_range(datetime(2021, 5, 1), inclusive=inclusive)
    assert len(days(datetime(2021, 5, 4, 12, tzinfo=UTC))) == count
    until = date_partition_range(datetime(2021, 5, 1), datetime(2021, 5, 4), inclusive=inclusive)
    assert len(until()) == count


def test_what_makes_no_range_is_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="'fortnights'"):
        date_partition_range(datetime(2021, 5, 1), delta_range="fortnights")
    with pytest.raises(DagsterInvalidDefinitionError, match="before they start"):
        date_partition_range(datetime(2021, 5, 2), datetime(2021, 5, 1))
    with pytest.raises(DagsterInvalidDefinitionError, match="no timezone 'Europe/Atlantis'"):
        date_partition_range(datetime(2021, 5, 2), timezone="Europe/Atlantis")


DAYS = PartitionSetDefinition("days", "orders", date_partition_range(datetime(2021, 5, 1), inclusive=True))


def test_selectors_choose_by_when_the_schedule_is_due() -> None:
    context = build_schedule_context(scheduled_execution_time=datetime(2021, 5, 3, tzinfo=UTC))
    assert getattr(identity_partition_selector(context, DAYS), "name", None) == "2021-05-03"
    yesterday = create_offset_partition_selector(lambda due: due - timedelta(days=1))
    assert getattr(yesterday(context, DAYS), "name", None) == "2021-05-02"
    long_ago = create_offset_partition_selector(lambda due: due - timedelta(days=9))
    skipped = long_ago(context, DAYS)
    assert isinstance(skipped, SkipReason)
    assert skipped.skip_message == "Partition set 'days' has no partition that begins at 2021-04-24 00:00 UTC."
