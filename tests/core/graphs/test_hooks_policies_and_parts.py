"""Hooks, retry policies, root input managers, presets and parts of pipelines, for solids in graphs and mapped ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    DagsterInvariantViolationError,
    InputDefinition,
    ModeDefinition,
    PresetDefinition,
    RetryPolicy,
    composite_solid,
    execute_pipeline,
    execute_solid_within_pipeline,
    execute_solids_within_pipeline,
    pipeline,
    root_input_manager,
    solid,
    success_hook,
    validate_run_config,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition

CALLED: list[str] = []


@success_hook
def tell(context: Any) -> None:
    CALLED.append(context.step_key)


@solid
def one() -> int:
    return 1


@solid(config_schema=int)
def fails(context: Any, number: int) -> int:
    CALLED.append(context.step_key)
    if CALLED.count(context.step_key) < context.solid_config:
        raise ValueError("not yet")
    return number


@composite_solid
def outer():
    return fails(one())


@solid(output_defs=[DynamicOutputDefinition(int)])
def emit() -> Iterator[DynamicOutput]:
    yield DynamicOutput(1, "a")
    yield DynamicOutput(2, "b")


@pytest.fixture(autouse=True)
def _none_called() -> None:
    CALLED.clear()


def config(times: int) -> dict[str, Any]:
    return {"solids": {"outer": {"solids": {"fails": {"config": times}}}}}


def test_hooks_of_a_graph_are_called_for_each_step_in_it() -> None:
    @pipeline
    def hooked() -> None:
        outer.with_hooks({tell})()
        one()

    assert execute_pipeline(hooked, config(1)).success
    assert CALLED == ["outer.one", "outer.fails", "outer.fails"]


def test_the_nearest_retry_policy_counts() -> None:
    @composite_solid
    def with_own():
        return fails.with_retry_policy(RetryPolicy(max_retries=0))(one())

    @pipeline(solid_retry_policy=RetryPolicy(max_retries=1))
    def retried() -> None:
        outer.with_retry_policy(RetryPolicy(max_retries=3))()

    @pipeline(solid_retry_policy=RetryPolicy(max_retries=3))
    def not_retried() -> None:
        with_own.with_retry_policy(RetryPolicy(max_retries=3))()

    assert execute_pipeline(retried, config(4)).success
    assert CALLED == ["outer.fails"] * 4
    given = {"solids": {"with_own": {"solids": {"fails": {"config": 2}}}}}
    assert not execute_pipeline(not_retried, given, raise_on_error=False).success


def test_steps_for_values_have_the_hooks_and_the_policy_of_their_solid() -> None:
    @pipeline
    def mapped() -> None:
        emit().map(fails.with_hooks({tell}).with_retry_policy(RetryPolicy(max_retries=1)))

    result = execute_pipeline(mapped, {"solids": {"fails": {"config": 2}}})
    assert result.output_for_solid("fails") == {"a": 1, "b": 2}
    assert CALLED == ["fails[a]"] * 3 + ["fails[b]"] * 3


def test_a_root_input_manager_loads_an_input_of_a_solid_in_a_graph() -> None:
    @root_input_manager
    def seven(_: Any) -> int:
        return 7

    @solid(input_defs=[InputDefinition("number", root_manager_key="seven")])
    def taking(number: int) -> int:
        return number

    @composite_solid
    def around(number):
        return taking(number)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"seven": seven})])
    def loaded() -> None:
        around()
        around.alias("fed")(one())

    result = execute_pipeline(loaded)
    assert (result.output_for_solid("around"), result.output_for_solid("fed")) == (7, 1)


def test_a_preset_chooses_solids_in_graphs() -> None:
    @pipeline(preset_defs=[PresetDefinition("some", solid_selection=["outer.one"])])
    def with_preset() -> None:
        outer()

    assert execute_pipeline(with_preset, preset="some").executed_step_keys == ["outer.one"]


def test_parts_of_a_pipeline_are_executed_with_values_for_solids_in_graphs() -> None:
    @pipeline
    def whole() -> None:
        outer()

    part = execute_solids_within_pipeline(whole, ["outer.fails"], {"outer.fails": {"number": 5}}, config(1))
    assert part["outer.fails"].output_value() == 5
    assert execute_solid_within_pipeline(whole, "outer", run_config=config(1)).output_value() == 1
    with pytest.raises(DagsterInvariantViolationError, match=r"input 'number' of solid 'outer\.fails', fed by solids"):
        execute_solid_within_pipeline(whole, "outer.fails", run_config=config(1))
    with pytest.raises(
        DagsterInvariantViolationError, match=r"unknown solid 'outer\.fail'; did you mean 'outer\.fails'"
    ):
        execute_solid_within_pipeline(whole, "outer.fail")


def test_a_checked_run_config_has_the_solids_in_graphs_within_them() -> None:
    @pipeline
    def checked() -> None:
        outer()

    assert validate_run_config(checked, config(3))["solids"] == {
        "outer": {"solids": {"one": {}, "fails": {"config": 3}}}
    }


def test_a_solid_with_a_dynamic_output_is_called_outside_a_run() -> None:
    assert [(each.value, each.mapping_key) for each in emit()] == [(1, "a"), (2, "b")]

    @solid(output_defs=[DynamicOutputDefinition(int)])
    def twice() -> Iterator[DynamicOutput]:
        yield DynamicOutput(1, "a")
        yield DynamicOutput(1, "a")

    with pytest.raises(DagsterInvariantViolationError, match=r"gave its output 'result\[a\]' twice"):
        list(twice())
    with pytest.raises(DagsterInvariantViolationError, match="Composite solid 'outer' was called outside the body"):
        outer()
