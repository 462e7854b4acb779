"""Repositories: what they hold, lazily, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from core import (
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    PartitionSetDefinition,
    PipelineDefinition,
    RepositoryDefinition,
    ScheduleDefinition,
    SensorDefinition,
    daily_schedule,
    pipeline,
    repository,
    solid,
)
from core.repositories import RepositoryData


@solid
def read(_: Any) -> int:
    return 1


@pipeline
def orders() -> None:
    read()


@pipeline
def report() -> None:
    read()


@daily_schedule("orders", start_date=datetime(2021, 5, 1))
def every_day(_: datetime) -> dict[str, Any]:
    return {}


CRON = ScheduleDefinition("morning", "0 6 * * *", "report")
SENSOR = SensorDefinition("files", lambda: None, "orders")
SET = PartitionSetDefinition("letters", "orders", lambda: ["a"])
LETTERS_FOR_NOBODY = PartitionSetDefinition("letters", "nobody", lambda: ["a"])


def test_a_list_of_definitions() -> None:
    @repository
    def shop() -> list[Any]:
        """All of the shop."""
        return [report, orders, every_day, CRON, SENSOR, SET]

    assert isinstance(shop, RepositoryDefinition)
    assert (shop.name, shop.description) == ("shop", "All of the shop.")
    assert shop.pipeline_names == ["orders", "report"]
    assert shop.get_all_pipelines() == [orders, report]
    assert shop.get_pipeline("report") is report
    assert [each.name for each in shop.schedule_defs] == ["every_day", "morning"]
    assert shop.sensor_defs == [SENSOR]
    assert [each.name for each in shop.partition_set_defs] == ["every_day_partitions", "letters"]
    assert shop.get_partition_set_def("every_day_partitions") is every_day.get_partition_set()
    assert shop.get_schedule_def("morning") is CRON
    assert shop.get_sensor_def("files") is SENSOR


def test_a_dict_makes_only_what_is_asked_for_and_makes_it_once() -> None:
    made: list[str] = []

    def make(definition: PipelineDefinition) -> Callable[[], PipelineDefinition]:
        def make_it() -> PipelineDefinition:
            made.append(definition.name)
            return definition

        return make_it

    @repository(name="shop", description="lazy")
    def anything() -> dict[str, Any]:
        return {
            "pipelines": {"orders": make(orders), "report": make(report)},
            "schedules": {"morning": CRON},
        }

    assert (anything.name, anything.description) == ("shop", "lazy")
    assert anything.pipeline_names == ["orders", "report"]
    assert anything.has_pipeline("orders")
    assert not anything.has_pipeline("nothing")
    assert made == []
    assert anything.get_pipeline("orders") is orders
    assert anything.get_pipeline("orders") is orders
    assert made == ["orders"]
    assert anything.get_all_pipelines() == [orders, report]
    assert made == ["orders", "report"]


def test_data_of_a_class_of_the_users_own() -> None:
    class Found(RepositoryData):
        def get_all_pipelines(self) -> list[PipelineDefinition]:
            return [orders]

    @repository
    def shop() -> Found:
        return Found()

    assert shop.pipeline_names == ["orders"]
    assert shop.get_pipeline("orders") is orders
    assert (shop.schedule_defs, shop.sensor_defs, shop.partition_set_defs) == ([], [], [])
    assert RepositoryDefinition("late", Found).get_pipeline("orders") is orders


def other_read() -> PipelineDefinition:
    @solid(name="read")
    def other(_: Any) -> int:
        return 2

    @pipeline
    def others() -> None:
        other()

    return others


def repeated(definition: Any) -> Callable[[], Any]:
    return lambda: [definition, definition]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (repeated(orders), "two pipelines called 'orders'"),
        (lambda: [orders, report, CRON, CRON], "two schedules called 'morning'"),
        (lambda: [orders, read], "it was given"),
        (lambda: [orders, CRON], "ScheduleDefinition\\('morning', '0 6 \\* \\* \\*', 'report'\\) runs a pipeline"),
        (lambda: [orders, LETTERS_FOR_NOBODY], "unknown pipeline 'nobody'"),
        (lambda: {"pipeline": {}}, "unknown key 'pipeline'; did you mean 'pipelines'"),
        (lambda: {"pipelines": {"orders": 3}}, "give a pipeline, or a function that returns one"),
        (lambda: {"pipelines": {"morning": CRON}}, "give a pipeline, or a function that returns one"),
        (lambda: orders, "returned"),
        (lambda: None, "returned None"),
    ],
)
def test_what_is_no_repository_is_refused(function: Callable[[], Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message) as told:
        repository(name="shop")(function)
    assert "repository 'shop'" in str(told.value).lower()


def test_what_is_wrong_inside_is_told_when_it_is_asked_for() -> None:
    shop = repository(name="shop")(
        lambda: {"pipelines": {"orders": lambda: report, "others": other_read, "report": report}}
    )
    with pytest.raises(DagsterInvariantViolationError, match=r"^Repository 'shop' has .*name must be the same"):
        shop.get_pipeline("orders")
    with pytest.raises(DagsterInvariantViolationError, match=r"^Repository 'shop': unknown pipeline 'order'; did you"):
        shop.get_pipeline("order")
    two = repository(name="shop")(lambda: [report, other_read()])
    with pytest.raises(DagsterInvalidDefinitionError, match=r"^Repository 'shop': .* use two different solids"):
        two.get_all_pipelines()
    for asked in (two.get_schedule_def, two.get_sensor_def, two.get_partition_set_def):
        with pytest.raises(DagsterInvariantViolationError, match=r"^Repository 'shop': .*'nothing'"):
            asked("nothing")


def test_a_kind_that_is_no_dict_is_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=r"^Repository 'shop': pipelines must be a dict by name"):

        @repository
        def shop() -> Any:
            return {"pipelines": [orders]}
