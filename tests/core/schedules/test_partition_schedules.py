"""The schedules that run a pipeline for each hour, day, week or month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DagsterInvalidDefinitionError,
    PartitionScheduleDefinition,
    build_schedule_context,
    daily_schedule,
    hourly_schedule,
    monthly_schedule,
    weekly_schedule,
)

ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
MONDAY = datetime(2021, 3, 1)
# 300 days before one near a change of clocks somewhere: a midnight skipped in Sao Paulo, hours in Europe and America.
DAYS_BEFORE_CHANGES = [
    (datetime(*day) - timedelta(days=305)).date()
    for day in [(2015, 10, 18), (2021, 3, 28), (2021, 10, 31), (2021, 11, 7), (2020, 3, 8), (2018, 2, 18)]
]
DECORATORS: dict[str, Callable[..., Any]] = {
    "hour": hourly_schedule,
    "day": daily_schedule,
    "week": weekly_schedule,
    "month": monthly_schedule,
}


def config_of(beginning: datetime) -> dict[str, Any]:
    return {"solids": {"read": {"config": beginning.isoformat()}}}


def names_asked_for(schedule: PartitionScheduleDefinition, due: datetime) -> list[str | None]:
    evaluation = schedule.evaluate_tick(build_schedule_context(scheduled_execution_time=due))
    return [each.run_key for each in evaluation.run_requests]


@pytest.mark.parametrize(
    ("schedule", "due", "expected"),
    [
        (daily_schedule("orders", MONDAY, execution_time=time(4, 30)), datetime(2021, 3, 9, 4, 30), "2021-03-08"),
        (daily_schedule("orders", MONDAY, partition_days_offset=0), datetime(2021, 3, 9), "2021-03-09"),
        (daily_schedule("orders", MONDAY, partition_days_offset=3), datetime(2021, 3, 9), "2021-03-06"),
        (
            hourly_schedule("orders", MONDAY, execution_time=time(0, 10)),
            datetime(2021, 3, 9, 4, 10),
            "2021-03-09-03:00",
        ),
        (
            hourly_schedule("orders", MONDAY.replace(minute=30), execution_time=time(0, 10)),
            datetime(2021, 3, 9, 4, 10),
            "2021-03-09-02:30",
        ),
        (weekly_schedule("orders", MONDAY, execution_day_of_week=3), datetime(2021, 3, 17), "2021-03-08"),
        (weekly_schedule("orders", MONDAY, execution_day_of_week=0), datetime(2021, 3, 21), "2021-03-08"),
        (monthly_schedule("orders", MONDAY, execution_day_of_month=15), datetime(2021, 6, 15), "2021-05"),
        (monthly_schedule("orders", MONDAY, partition_months_offset=2), datetime(2021, 6, 1), "2021-04"),
    ],
)
def test_a_run_is_for_the_partition_before(schedule: Any, due: datetime, expected: str) -> None:
    assert names_asked_for(schedule(config_of), due.replace(tzinfo=UTC)) == [expected]


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["hour", "day", "week"]),
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(DAYS_BEFORE_CHANGES),
    at=st.times().map(lambda given: time(given.hour, given.minute)),
)
def test_each_partition_is_asked_for_once(kind: str, zone: str, day: Any, at: time) -> None:
    start = datetime(day.year, day.month, day.day)
    schedule = DECORATORS[kind]("orders", start_date=start, execution_time=at, execution_timezone=zone)(config_of)
    first = start.replace(tzinfo=ZoneInfo(zone)) + timedelta(days=300)
    dues = list(islice(schedule.execution_times(first), 4 if kind == "week" else 40))
    partitions = schedule.get_partition_set().get_partition_names(dues[-1])
    asked = [name for due in dues for name in names_asked_for(schedule, due)]
    position = partitions.index(asked[0])
    assert asked == partitions[position : position + len(dues)]


def test_what_a_run_gets() -> None:
    schedule = daily_schedule(
        "orders",
        MONDAY,
        name="every_day",
        tags_fn_for_date=lambda day: {"month": day.month},
        mode="team",
        solid_selection=["read*"],
        execution_timezone="Europe/Berlin",
        environment_vars={"A": "1"},
    )(config_of)
    due = datetime(2021, 3, 3, tzinfo=ZoneInfo("Europe/Berlin"))
    [request] = schedule.evaluate_tick(build_schedule_context(scheduled_execution_time=due)).run_requests
    assert request.run_config == {"solids": {"read": {"config": "2021-03-02T00:00:00+01:00"}}}
    assert request.tags == {
        "month": "3",
        "dagster/partition": "2021-03-02",
        "dagster/partition_set": "every_day_partitions",
        "dagster/schedule_name": "every_day",
    }
    assert (schedule.mode, schedule.solid_selection, schedule.environment_vars) == ("team", ["read*"], {"A": "1"})
    assert schedule.get_partition_set().pipeline_name == schedule.pipeline_name == "orders"


def test_before_the_first_partition_and_where_should_execute_says_no_it_skips() -> None:
    schedule = daily_schedule("orders", MONDAY)(config_of)
    evaluation = schedule.evaluate_tick(build_schedule_context(scheduled_execution_time=MONDAY.replace(tzinfo=UTC)))
    assert evaluation.run_requests == ()
    assert "2021-02-28" in (evaluation.skip_message or "")
    never = daily_schedule("orders", MONDAY, should_execute=lambda context: False)(config_of)
    due = build_schedule_context(scheduled_execution_time=datetime(2021, 3, 9, tzinfo=UTC))
    assert never.evaluate_tick(due).skip_message == "should_execute of schedule 'config_of' said no."


def test_the_end_date_ends_it() -> None:
    schedule = daily_schedule("orders", MONDAY, end_date=datetime(2021, 3, 4))(config_of)
    names = schedule.get_partition_set().get_partition_names(datetime(2022, 1, 1, tzinfo=UTC))
    assert names == ["2021-03-01", "2021-03-02", "2021-03-03"]
    assert names_asked_for(schedule, datetime(2021, 3, 5, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (
            lambda: daily_schedule("orders", datetime(2021, 3, 1, 4)),
            "04:00:00; it must be the beginning of a day",
        ),
        (lambda: monthly_schedule("orders", datetime(2021, 3, 2)), "the beginning of a month"),
        (lambda: hourly_schedule("orders", datetime(2021, 3, 2, 4, 5, 6)), "the beginning of a minute"),
        (lambda: weekly_schedule("orders", MONDAY, execution_day_of_week=7), "execution_day_of_week is 7"),
        (lambda: monthly_schedule("orders", MONDAY, execution_day_of_month=0), "execution_day_of_month is 0"),
        (lambda: daily_schedule("orders", MONDAY, partition_days_offset=-1), "partition_days_offset is -1"),
        (lambda: daily_schedule("orders", MONDAY, execution_timezone="Mars"), "no timezone 'Mars'"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(define: Callable[[], Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        define()
