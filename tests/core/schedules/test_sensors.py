"""Sensors, and sensors of assets."""

from __future__ import annotations

from typing import Any

import pytest

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    EventLogEntry,
    Output,
    RunRequest,
    SensorDefinition,
    SkipReason,
    asset_sensor,
    build_schedule_context,
    build_sensor_context,
    execute_pipeline,
    pipeline,
    sensor,
    solid,
)
from core.errors import DagsterInvalidInvocationError, SensorExecutionError


@sensor(pipeline_name="orders", mode="team", minimum_interval_seconds=5)
def new_files(context: Any) -> Any:
    """Looks for files."""
    files = [name for name in ["a.csv", "b.csv", "c.csv"] if name > (context.cursor or "")]
    for name in files:
        yield RunRequest(name, {"file": name})
    if files:
        context.update_cursor(files[-1])
    else:
        yield SkipReason("no new files")


def test_a_sensor_asks_for_runs_and_remembers_how_far_it_looked() -> None:
    evaluation = new_files.evaluate_tick(build_sensor_context(cursor="a.csv"))
    assert [(each.run_key, dict(each.tags)) for each in evaluation.run_requests] == [
        ("b.csv", {"dagster/sensor_name": "new_files", "dagster/run_key": "b.csv"}),
        ("c.csv", {"dagster/sensor_name": "new_files", "dagster/run_key": "c.csv"}),
    ]
    assert evaluation.cursor == "c.csv"
    again = new_files.evaluate_tick(build_sensor_context(cursor=evaluation.cursor))
    assert (again.run_requests, again.skip_message, again.cursor) == ((), "no new files", "c.csv")


def test_what_it_says_of_itself() -> None:
    assert (new_files.name, new_files.pipeline_name, new_files.mode) == ("new_files", "orders", "team")
    assert (new_files.minimum_interval_seconds, new_files.description) == (5, "Looks for files.")
    assert SensorDefinition("quiet", lambda: None, "orders").minimum_interval_seconds == 30


def test_one_that_gives_nothing_skips() -> None:
    evaluation = SensorDefinition("quiet", lambda: None, "orders").evaluate_tick(build_sensor_context())
    assert (evaluation.run_requests, evaluation.skip_message, evaluation.cursor) == ((), None, None)


def test_errors_name_the_sensor() -> None:
    def broken(context: Any) -> Any:
        yield RunRequest("a")
        raise ValueError("gone")

    with pytest.raises(SensorExecutionError, match="sensor 'broken' raised") as caught:
        SensorDefinition("broken", broken, "orders").evaluate_tick(build_sensor_context())
    assert str(caught.value.user_exception) == "gone"
    with pytest.raises(DagsterInvariantViolationError, match="sensor 'odd' gave 3"):
        SensorDefinition("odd", lambda: 3, "orders").evaluate_tick(build_sensor_context())
    with pytest.raises(DagsterInvalidDefinitionError, match="minimum_interval_seconds of sensor 'odd' is -1"):
        SensorDefinition("odd", lambda: None, "orders", minimum_interval_seconds=-1)
    with pytest.raises(DagsterInvalidDefinitionError, match="Sensor 'odd' needs what it runs"):
        SensorDefinition("odd", lambda: None)
    with pytest.raises(DagsterInvariantViolationError, match="run_key of a RunRequest must be a str"):
        RunRequest(3)  # type: ignore[arg-type]
    with pytest.raises(DagsterInvariantViolationError, match="cursor of a sensor must be text"):
        build_sensor_context().update_cursor(3)  # type: ignore[arg-type]


@solid
def load(_: Any) -> Any:
    yield AssetMaterialization("orders")
    yield Output(1)


@pipeline
def loading() -> None:
    load()


@asset_sensor(AssetKey("orders"), pipeline_name="report")
def orders_changed(_: Any, event: EventLogEntry) -> RunRequest:
    return RunRequest(event.run_id)


def test_an_asset_sensor_is_asked_once_for_each_newest_materialization() -> None:
    with DagsterInstance.ephemeral() as instance:
        none_yet = orders_changed.evaluate_tick(build_sensor_context(instance))
        assert (none_yet.run_requests, none_yet.cursor) == ((), None)
        runs = [execute_pipeline(loading, instance=instance).run_id for _ in range(2)]
        first = orders_changed.evaluate_tick(build_sensor_context(instance))
        assert [each.run_key for each in first.run_requests] == [runs[-1]]
        second = orders_changed.evaluate_tick(build_sensor_context(instance, first.cursor))
        assert (second.run_requests, second.cursor) == ((), first.cursor)
        third = execute_pipeline(loading, instance=instance).run_id
        last = orders_changed.evaluate_tick(build_sensor_context(instance, first.cursor))
        assert [each.run_key for each in last.run_requests] == [third]


def test_the_cursor_of_an_asset_sensor_that_raises_stays() -> None:
    @asset_sensor(AssetKey("orders"), pipeline_name="report")
    def broken(_: Any, event: EventLogEntry) -> RunRequest:
        raise ValueError(event.run_id)

    with DagsterInstance.ephemeral() as instance:
        execute_pipeline(loading, instance=instance)
        context = build_sensor_context(instance)
        with pytest.raises(SensorExecutionError):
            broken.evaluate_tick(context)
        assert context.cursor is None


def test_a_sensor_is_called_as_its_function() -> None:
    context = build_sensor_context(cursor="b.csv")
    assert list(new_files(context)) == [RunRequest("c.csv", {"file": "c.csv"})]
    assert context.cursor == "c.csv"

    @sensor(pipeline_name="orders")
    def without_context() -> SkipReason:
        return SkipReason("never")

    @asset_sensor(AssetKey("orders"), pipeline_name="orders")
    def changed(context: Any, event: Any) -> Any:
        return RunRequest(event)

    assert without_context() == SkipReason("never")
    assert changed(context, "7") == RunRequest("7")
    with pytest.raises(DagsterInvalidInvocationError, match=r"'by_hand'.* without a decorator.*evaluate_tick"):
        SensorDefinition("by_hand", lambda: None, "orders")()


def test_an_instance_that_is_missing_is_asked_for_by_the_function_that_takes_it() -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"build_sensor_context\(instance=instance\)"):
        _ = build_sensor_context().instance
    with pytest.raises(DagsterInvariantViolationError, match=r"build_schedule_context\(instance=instance\)"):
        _ = build_schedule_context().instance
