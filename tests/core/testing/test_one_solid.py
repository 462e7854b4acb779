"""One solid in a run of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    AssetMaterialization,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterTypeCheckDidNotPass,
    ExpectationResult,
    Failure,
    Field,
    InputDefinition,
    ModeDefinition,
    Nothing,
    Output,
    OutputDefinition,
    RetryRequested,
    SolidExecutionContext,
    execute_solid,
    resource,
    solid,
)


@solid
def add(x: int, y: int = 10) -> int:
    return x + y


def test_a_solid_is_executed_with_values_for_its_inputs() -> None:
    result = execute_solid(add, input_values={"x": 1})
    assert (result.success, result.output_value(), result.solid.name) == (True, 11, "add")
    assert execute_solid(add, input_values={"x": 1, "y": 2}).output_value() == 3
    assert execute_solid(add, run_config={"solids": {"add": {"inputs": {"x": 4}}}}).output_value() == 14
    assert add(1) == 11, "the solid itself is as it was"
    assert not add.input_dict["x"].has_default_value


def test_values_may_be_of_any_type_and_are_the_very_objects() -> None:
    @solid
    def same(value: Any) -> Any:
        return value

    unpicklable = iter([1])
    seen: list[Any] = []
    keep = solid("keep")(lambda value: seen.append(value))
    execute_solid(keep, input_values={"value": unpicklable})
    assert seen == [unpicklable]
    assert execute_solid(same, input_values={"value": None}).output_value() is None


def test_resources_config_and_tags_are_those_of_a_run() -> None:
    @resource(config_schema={"n": int})
    def number(init_context: Any) -> int:
        return int(init_context.resource_config["n"])

    @solid(required_resource_keys={"number"}, config_schema={"factor": Field(int, default_value=2)})
    def use(context: SolidExecutionContext) -> tuple[int, str | None, str]:
        return context.resources.number * context.solid_config["factor"], context.get_tag("who"), context.mode_def.name

    mode = ModeDefinition("testing", resource_defs={"number": number})
    config = {"resources": {"number": {"config": {"n": 3}}}, "solids": {"use": {"config": {"factor": 5}}}}
    result = execute_solid(use, mode, tags={"who": "me"}, run_config=config)
    assert result.output_value() == (15, "me", "testing")
    with pytest.raises(DagsterInvalidDefinitionError, match="'use' requires the resource 'number'"):
        execute_solid(use)
    with pytest.raises(DagsterInvalidConfigError, match=r"resources: missing required config: number\.config\.n of"):
        execute_solid(use, mode)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"'add': unknown input 'z'.* Known: x, y"):
        execute_solid(add, input_values={"z": 1})
    with pytest.raises(DagsterInvariantViolationError, match=r"given a function.*with @solid"):
        execute_solid(lambda: 1)  # type: ignore[arg-type]
    with pytest.raises(DagsterInvalidConfigError, match=r"solids: missing required config: add\.inputs\.x of"):
        execute_solid(add)
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Input 'x' of step 'add'"):
        execute_solid(add, input_values={"x": "one"})
    waits = solid("waits", input_defs=[InputDefinition("before", Nothing)])(lambda: 1)
    assert execute_solid(waits).output_value() == 1
    with pytest.raises(DagsterInvariantViolationError, match="its input 'before', which carries none"):
        execute_solid(waits, input_values={"before": 1})


def test_a_failure_is_raised_or_told() -> None:
    @solid
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        execute_solid(fails)
    result = execute_solid(fails, raise_on_error=False)
    assert not result.success
    assert result.compute_step_failure_event.step_failure_data is result.failure_data
    assert repr(result) == "<SolidExecutionResult 'fails': failed>"
    with pytest.raises(DagsterInvariantViolationError, match="'fails' has no event STEP_SUCCESS: it failed"):
        result.get_step_success_event()


def test_a_failure_tells_what_the_solid_said() -> None:
    @solid
    def fails(x: int) -> str:
        if x:
            raise Failure("no rows", metadata={"rows": 0})
        return 1  # type: ignore[return-value]

    data = execute_solid(fails, input_values={"x": 1}, raise_on_error=False).failure_data
    assert data is not None
    assert data.error is not None
    assert data.user_failure_data is not None
    assert (data.user_failure_data.description, data.error.cls_name) == (
        "no rows",
        "DagsterExecutionStepExecutionError",
    )
    assert [entry.label for entry in data.user_failure_data.metadata_entries] == ["rows"]
    mistyped = execute_solid(fails, input_values={"x": 0}, raise_on_error=False)
    assert mistyped.failure_data is not None
    assert mistyped.failure_data.user_failure_data is None
    check = mistyped.get_output_event_for_compute().step_output_data.type_check_data
    assert (check.success, check.description) == (False, "expected a value of type String, got 1 (int)")
    given = mistyped.compute_input_event_dict["x"].step_input_data.type_check_data
    assert (given.success, given.description) == (True, None)


@solid(output_defs=[OutputDefinition(int, "one"), OutputDefinition(str, "two", is_required=False)])
def busy(context: SolidExecutionContext, x: int, first: list[int]) -> Iterator[Any]:
    yield AssetMaterialization("table")
    yield ExpectationResult(True, "whole")
    yield Output(x, "one", metadata={"rows": x})
    if not first:
        first.append(1)
        raise RetryRequested
    yield Output("b", "two")


def test_a_result_tells_what_happened() -> None:
    result = execute_solid(busy, input_values={"x": 3, "first": []})
    assert (result.success, result.retry_attempts, result.skipped, result.memoized) == (True, 1, False, False)
    assert list(result.compute_input_event_dict) == ["x", "first"]
    assert result.compute_input_event_dict["x"].step_input_data.type_check_success
    assert {name: len(events) for name, events in result.compute_output_events_dict.items()} == {"one": 1, "two": 1}
    (rows,) = result.get_output_event_for_compute("one").step_output_data.metadata_entries
    assert rows.label == "rows"
    assert result.get_output_events_for_compute("two") == [result.get_output_event_for_compute("two")]
    assert result.output_events_during_compute == [
        *result.compute_output_events_dict["one"],
        *result.compute_output_events_dict["two"],
    ]
    assert [each.asset_key.path for each in result.materializations_during_compute] == [("table",)] * 2
    assert result.materializations == result.materializations_during_compute
    assert next(each.asset_key for each in result.materialization_events_during_compute).path == ("table",)
    assert [each.label for each in result.expectation_results_during_compute] == ["whole"] * 2
    assert all(each.is_expectation_result for each in result.expectation_events_during_compute)
    assert result.get_step_success_event().step_success_data.duration_ms > 0
    assert repr(result) == "<SolidExecutionResult 'busy': succeeded>"
    with pytest.raises(DagsterInvariantViolationError, match="has not given this output: unknown output 'result'"):
        result.get_output_event_for_compute()
    with pytest.raises(DagsterInvariantViolationError, match="An event STEP_SUCCESS has no StepFailureData"):
        _ = result.get_step_success_event().step_failure_data
    with pytest.raises(DagsterInvariantViolationError, match="'busy' has no event STEP_FAILURE: it succeeded"):
        _ = result.compute_step_failure_event
