"""What functions of schedules, sensors and partition sets return is held against what it must be."""

from __future__ import annotations

from typing import Any

import pytest

from core import (
    DagsterInvariantViolationError,
    Partition,
    PartitionSetDefinition,
    ScheduleDefinition,
    SensorDefinition,
    build_schedule_context,
)


def _schedule(**functions: Any) -> Any:
    return ScheduleDefinition("morning", "0 6 * * *", "orders", **functions).evaluate_tick(build_schedule_context())


def _partitions(**functions: Any) -> PartitionSetDefinition:
    return PartitionSetDefinition("days", "orders", **{"partition_fn": lambda: ["a"], **functions})


FUNCTIONS = {
    "should_execute": lambda given: _schedule(should_execute=lambda _: given),
    "run_config_fn": lambda given: _schedule(run_config_fn=lambda _: given),
    "tags_fn": lambda given: _schedule(tags_fn=lambda _: given),
    "execution_fn": lambda given: _schedule(execution_fn=lambda _: given),
    "partition_fn": lambda given: _partitions(partition_fn=lambda: given).get_partitions(),
    "run_config_fn_for_partition": lambda given: _partitions(
        run_config_fn_for_partition=lambda _: given
    ).run_config_for_partition(Partition("a")),
    "tags_fn_for_partition": lambda given: _partitions(tags_fn_for_partition=lambda _: given).tags_for_partition(
        Partition("a")
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("given", [3, object(), 1.5, lambda: None])
def test_what_a_function_may_not_return_is_refused_by_its_name(function: str, given: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError) as told:
        FUNCTIONS[function](given)
    assert "'morning'" in str(told.value) or "'days'" in str(told.value)
    assert function in str(told.value) or function == "execution_fn"


def test_texts_are_no_answers() -> None:
    for function in ("should_execute", "run_config_fn", "tags_fn", "partition_fn"):
        with pytest.raises(DagsterInvariantViolationError, match=f"^{function} of .* must return .*; it gave a str"):
            FUNCTIONS[function]("no")
    assert FUNCTIONS["should_execute"](False).skip_message == "should_execute of schedule 'morning' said no."


def test_a_tick_is_evaluated_with_a_context() -> None:
    for definition in (
        ScheduleDefinition("morning", "0 6 * * *", "orders"),
        SensorDefinition("new_files", lambda _: None, "orders"),
    ):
        for given in (None, 3, {}):
            with pytest.raises(DagsterInvariantViolationError, match=r"^context of evaluate_tick .*Make one by"):
                definition.evaluate_tick(given)  # type: ignore[arg-type]
