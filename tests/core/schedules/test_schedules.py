"""Schedules by a cron expression, and partition sets by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    Partition,
    PartitionSetDefinition,
    PipelineDefinition,
    RunRequest,
    ScheduleDefinition,
    SensorDefinition,
    SkipReason,
    build_schedule_context,
    daily_schedule,
    hourly_schedule,
    identity_partition_selector,
    monthly_schedule,
    schedule,
    sensor,
    weekly_schedule,
)
from core.errors import (
    DagsterInvalidInvocationError,
    DagsterUnknownPartitionError,
    PartitionExecutionError,
    ScheduleExecutionError,
)

DUE = build_schedule_context(scheduled_execution_time=datetime(2021, 5, 1, 6, tzinfo=UTC))

SIX = "0 6 * * *"
RUN = RunRequest(None, {"a": 1}, {"n": 3})  # type: ignore[dict-item]  # a tag may be what JSON can hold


def boom(*_: Any) -> Any:
    raise ValueError("no such luck")


@pytest.mark.parametrize(
    "made",
    [
        ScheduleDefinition("morning", "0 6 * * *", "orders", run_config={"a": 1}, tags={"n": 3}),
        ScheduleDefinition(
            "morning", "0 6 * * *", "orders", run_config_fn=lambda _: {"a": 1}, tags_fn=lambda _: {"n": 3}
        ),
        ScheduleDefinition(
            "morning", "0 6 * * *", "orders", execution_fn=lambda _: RunRequest(None, {"a": 1}, {"n": 3})
        ),
        ScheduleDefinition(
            "morning", "0 6 * * *", "orders", execution_fn=lambda: iter([RunRequest(None, {"a": 1}, {"n": 3})])
        ),
        schedule("0 6 * * *", "orders", name="morning", tags={"n": 3})(lambda context: {"a": 1}),
        schedule("0 6 * * *", "orders", name="morning", tags_fn=lambda _: {"n": 3})(lambda: {"a": 1}),
    ],
)
def test_a_run_gets_what_the_schedule_says(made: ScheduleDefinition) -> None:
    [request] = made.evaluate_tick(DUE).run_requests
    assert request.run_config == {"a": 1}
    assert request.tags == {"n": "3", "dagster/schedule_name": "morning"}
    assert request.run_key is None


def test_the_context_has_the_time_and_the_instance() -> None:
    with DagsterInstance.ephemeral() as instance:
        seen = []

        @schedule("0 6 * * *", pipeline_name="orders")
        def morning(context: Any) -> SkipReason:
            seen.append((context.scheduled_execution_time, context.instance))
            return SkipReason("seen")

        due = datetime(2021, 5, 1, 6, tzinfo=UTC)
        assert morning.evaluate_tick(build_schedule_context(instance, due)).skip_message == "seen"
        assert seen == [(due, instance)]
    with pytest.raises(DagsterInvariantViolationError, match="build it with one"):
        _ = build_schedule_context().instance


def test_a_run_config_is_a_copy() -> None:
    made = ScheduleDefinition("morning", "0 6 * * *", "orders", run_config={"a": {"b": 1}})
    [first] = made.evaluate_tick(DUE).run_requests
    first.run_config["a"]["b"] = 2  # type: ignore[index]
    [second] = made.evaluate_tick(DUE).run_requests
    assert second.run_config == {"a": {"b": 1}}


@pytest.mark.parametrize("argument", ["run_config_fn", "tags_fn", "should_execute", "execution_fn"])
def test_what_a_function_raises_is_told_with_its_schedule(argument: str) -> None:
    made = ScheduleDefinition("morning", "0 6 * * *", "orders", **{argument: boom})
    with pytest.raises(ScheduleExecutionError, match="A function of schedule 'morning' raised") as caught:
        made.evaluate_tick(DUE)
    assert str(caught.value.user_exception) == "no such luck"


@pytest.mark.parametrize("given", [3, "orders", [RunRequest(), SkipReason("no")], [SkipReason(), SkipReason()]])
def test_what_is_neither_run_nor_reason_is_refused(given: Any) -> None:
    made = ScheduleDefinition("morning", "0 6 * * *", "orders", execution_fn=lambda _: given)
    with pytest.raises(DagsterInvariantViolationError, match="schedule 'morning' gave"):
        made.evaluate_tick(DUE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cron_schedule": "0 6 * *"}, "'0 6 \\* \\*', which is not a cron expression"),
        ({"cron_schedule": "61 6 * * *"}, "not a cron expression"),
        ({"cron_schedule": "0 6 * * * *"}, "not a cron expression"),
        ({"cron_schedule": ""}, "not a cron expression"),
        ({"pipeline_name": None}, "needs what it runs"),
        ({"name": "in the morning"}, "not a valid schedule name"),
        ({"execution_timezone": "Mars/Base"}, "no timezone 'Mars/Base'"),
        ({"run_config": {}, "run_config_fn": boom}, "both run_config and run_config_fn"),
        ({"tags": {}, "tags_fn": boom}, "both tags and tags_fn"),
        ({"execution_fn": boom, "should_execute": boom}, "both execution_fn and should_execute"),
        ({"execution_fn": boom, "run_config": {}}, "both execution_fn and run_config"),
        ({"tags": {1: "a"}}, "tags of schedule 'morning' has a key that is an int"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        ScheduleDefinition(**{"name": "morning", "cron_schedule": "0 6 * * *", "pipeline_name": "orders", **arguments})


def test_it_is_due_on_the_clocks_of_its_timezone() -> None:
    made = ScheduleDefinition("morning", "30 2 * * *", "orders", execution_timezone="Europe/Berlin")
    times = islice(made.execution_times(datetime(2021, 3, 26, 12, tzinfo=UTC)), 3)
    assert [each.isoformat() for each in times] == [
        "2021-03-27T02:30:00+01:00",
        "2021-03-28T03:00:00+02:00",  # half past two was skipped
        "2021-03-29T02:30:00+02:00",
    ]
    in_autumn = islice(made.execution_times(datetime(2021, 10, 30, 12, tzinfo=ZoneInfo("Europe/Berlin"))), 2)
    assert [each.isoformat() for each in in_autumn] == ["2021-10-31T02:30:00+02:00", "2021-11-01T02:30:00+01:00"]


def test_a_partition_set_says_what_the_run_for_a_partition_gets() -> None:
    countries = PartitionSetDefinition(
        "countries",
        "orders",
        lambda: ["de", Partition({"code": "fr"}, "France")],
        mode="team",
        run_config_fn_for_partition=lambda partition: {"country": partition.value},
        tags_fn_for_partition=lambda partition: {"length": len(partition.name)},
    )
    assert countries.get_partition_names() == ["de", "France"]
    france = countries.get_partition("France")
    assert countries.run_config_for_partition(france) == {"country": {"code": "fr"}}
    assert countries.tags_for_partition(france) == {
        "length": "6",
        "dagster/partition_set": "countries",
        "dagster/partition": "France",
    }
    with pytest.raises(DagsterUnknownPartitionError, match="no partition called 'Spain'"):
        countries.get_partition("Spain")


@pytest.mark.parametrize(
    ("partitions", "chosen", "expected"),
    [
        (["a", "b"], lambda _, each: each.get_partition("b"), ["b"]),
        (["a", "b"], lambda _, each: each.get_partitions(), ["a", "b"]),
        (["a", "b"], lambda _, each: [], []),
        (["a", "b"], lambda _, each: SkipReason("not today"), []),
    ],
)
def test_a_selector_may_choose_one_or_several_or_none(
    partitions: list[str], chosen: Callable[..., Any], expected: list[str]
) -> None:
    letters = PartitionSetDefinition("letters", "orders", lambda: partitions)
    made = letters.create_schedule_definition("morning", "0 6 * * *", chosen)
    evaluation = made.evaluate_tick(DUE)
    assert [each.run_key for each in evaluation.run_requests] == expected
    assert (evaluation.skip_message is None) == bool(expected)
    assert made.get_partition_set() is letters


def test_partitions_that_are_none_are_refused() -> None:
    twice = PartitionSetDefinition("letters", "orders", lambda: ["a", "a"])
    with pytest.raises(DagsterInvariantViolationError, match="two partitions called 'a'"):
        twice.get_partitions()
    stranger = PartitionSetDefinition("letters", "orders", lambda: ["a"]).create_schedule_definition(
        "morning", "0 6 * * *", lambda *_: Partition("z")
    )
    with pytest.raises(DagsterUnknownPartitionError, match="'z', which is no partition of set 'letters'"):
        stranger.evaluate_tick(DUE)
    with pytest.raises(PartitionExecutionError, match="partition function of 'letters' raised"):
        PartitionSetDefinition("letters", "orders", boom).get_partitions()
    letters = PartitionSetDefinition(
        "letters", "orders", lambda: ["a"], run_config_fn_for_partition=boom, tags_fn_for_partition=boom
    )
    with pytest.raises(PartitionExecutionError, match="run config function of partition set 'letters' raised for 'a'"):
        letters.run_config_for_partition(Partition("a"))
    with pytest.raises(PartitionExecutionError, match="tags function of partition set 'letters' raised for 'a'"):
        letters.tags_for_partition(Partition("a"))


def test_a_schedule_is_called_as_its_function() -> None:
    @schedule("0 6 * * *", pipeline_name="orders", should_execute=lambda _: False)
    def every_morning(context: Any) -> dict[str, Any]:
        return {"due": context.scheduled_execution_time}

    @daily_schedule("orders", datetime(2021, 5, 1))
    def every_day(day: datetime) -> dict[str, Any]:
        return {"day": day.day}

    due = datetime(2021, 5, 3, tzinfo=UTC)
    assert every_morning(build_schedule_context(scheduled_execution_time=due)) == {"due": due}
    assert every_day(datetime(2021, 5, 7)) == {"day": 7}
    for by_hand in (
        ScheduleDefinition("by_hand", "0 6 * * *", "orders"),
        PartitionSetDefinition("letters", "orders", lambda: ["a"]).create_schedule_definition(
            "by_hand", "0 6 * * *", identity_partition_selector
        ),
    ):
        with pytest.raises(DagsterInvalidInvocationError, match=r"'by_hand'.* without a decorator.*evaluate_tick"):
            by_hand(due)


@pytest.mark.parametrize(
    ("define", "said"),
    [
        (
            lambda: daily_schedule("orders", "2021-05-01"),
            "start_date of a daily .* must be a datetime; it is a str",
        ),
        (
            lambda: weekly_schedule("orders", date(2021, 5, 1)),
            "start_date .* must be a datetime; it is a date",
        ),
        (lambda: monthly_schedule("orders", None), "start_date of a monthly schedule must be a datetime; it is None"),
        (
            lambda: hourly_schedule("orders", datetime(2021, 5, 1), execution_time="5:00"),
            "an hourly .* be a time; it is a str",
        ),
        (
            lambda: ScheduleDefinition("s", "0 6 * * *", a_pipeline),
            "schedule 's' must be a str; it is a Pipe",
        ),
        (lambda: sensor(a_pipeline)(one_day), "pipeline_name of a sensor must be a str"),
        (
            lambda: SensorDefinition("s", lambda: None, a_pipeline),
            "sensor 's' must be a str; it is a Pipe",
        ),
        (
            lambda: SensorDefinition("s", lambda: None, "orders", minimum_interval_seconds="9"),
            "must be a number; it is a str",
        ),
    ],
)
def test_arguments_of_another_type_are_refused(define: Callable[[], Any], said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=said):
        define()


def test_the_run_config_of_a_request_is_a_dict() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="run_config of a RunRequest must be a dict; it is a str"):
        RunRequest("a", run_config="a.yaml")  # type: ignore[arg-type]


def one_day(_: Any) -> None:
    return None


a_pipeline: Any = PipelineDefinition([], "orders")


@pytest.mark.parametrize("decorator", [sensor, schedule])
def test_a_decorator_without_parentheses_says_so(decorator: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=f"^@{decorator.__name__} needs .* in parentheses"):

        @decorator
        def found(context: Any) -> Any:
            return context
