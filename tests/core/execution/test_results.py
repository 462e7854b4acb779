"""What a result can tell, also after everything was torn down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterInvariantViolationError,
    DagsterObjectNotFoundError,
    InputContext,
    IOManager,
    ModeDefinition,
    Output,
    OutputContext,
    OutputDefinition,
    PipelineDefinition,
    SolidExecutionResult,
    StepOutputHandle,
    execute_pipeline,
    fs_io_manager,
    io_manager,
    pipeline,
    resource,
    solid,
)
from core.events.payloads import HandledOutputData


@solid(output_defs=[OutputDefinition(name="left"), OutputDefinition(name="right", is_required=False)])
def gives() -> Iterator[Any]:
    yield AssetMaterialization("table", description="A table", metadata={"rows": 3}, partition="2013")
    yield AssetMaterialization(AssetKey(["folder", "picture"]))
    yield Output("L", "left", metadata={"length": 1})


@solid
def takes(value: str) -> str:
    return value.lower()


@pipeline
def small() -> None:
    left, right = gives()
    takes(left)
    takes.alias("waits")(right)


def test_each_solid_has_a_result() -> None:
    result = execute_pipeline(small)
    assert result.success
    assert [each.solid_name for each in result.solid_result_list] == ["gives", "takes", "waits"]
    assert [each.success for each in result.solid_result_list] == [True, True, False]
    assert [each.skipped for each in result.solid_result_list] == [False, False, True]
    assert all(each.failure_data is None for each in result.solid_result_list)
    gave = result.result_for_solid("gives")
    assert gave.output_values == {"left": "L"}
    assert gave.output_value("left") == "L"
    assert gave.output_value("right") is None
    assert result.output_for_solid("takes") == "l"
    assert result.pipeline_def is small


def test_materializations_are_told_as_they_were_given() -> None:
    table, picture = execute_pipeline(small).result_for_solid("gives").materializations
    expected = AssetMaterialization("table", description="A table", metadata={"rows": 3}, partition="2013")
    assert table == expected
    assert picture.asset_key == AssetKey(["folder", "picture"])


def test_unknown_solids_and_outputs_are_errors() -> None:
    result = execute_pipeline(small)
    with pytest.raises(DagsterInvariantViolationError, match="unknown solid 'give'; did you mean 'gives'"):
        result.result_for_solid("give")
    with pytest.raises(DagsterInvariantViolationError, match="'gives': unknown output 'result'"):
        result.output_for_solid("gives")


def test_events_are_found_by_step() -> None:
    result = execute_pipeline(small)
    assert {event.step_key for event in result.step_event_list} == {"gives", "takes", "waits"}
    took = result.result_for_solid("takes").compute_step_events
    assert [event.event_type for event in took][-1] is DagsterEventType.STEP_SUCCESS
    assert {event.step_key for event in took} == {"takes"}


class Shop:
    """A store that can be closed, and then sells nothing."""

    def __init__(self) -> None:
        self.is_open = False
        self.openings = 0
        self.goods: dict[Any, Any] = {}


class ShopIOManager(IOManager):
    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        assert self._shop.is_open
        self._shop.goods[context.step_key, context.name] = obj

    def load_input(self, context: InputContext) -> Any:
        assert self._shop.is_open, "the connection is closed"
        assert context.upstream_output is not None
        return self._shop.goods[context.upstream_output.step_key, context.upstream_output.name]


def test_values_are_loaded_after_the_resources_were_stopped() -> None:
    shop = Shop()

    @resource
    def opened() -> Iterator[Shop]:
        shop.is_open, shop.openings = True, shop.openings + 1
        yield shop
        shop.is_open = False

    @io_manager(required_resource_keys={"shop"})
    def selling(context: Any) -> ShopIOManager:
        return ShopIOManager(context.resources.shop)

    @solid
    def make() -> str:
        return "bread"

    mode = ModeDefinition(resource_defs={"shop": opened, "io_manager": selling})
    result = execute_pipeline(PipelineDefinition([make], mode_defs=[mode]))
    assert (shop.is_open, shop.openings) == (False, 1)
    assert result.output_for_solid("make") == "bread"
    assert result.result_for_solid("make").output_values == {"result": "bread"}
    assert not shop.is_open


def test_values_in_memory_stay_as_long_as_the_result() -> None:
    result = execute_pipeline(small)
    assert [result.output_for_solid("takes") for _ in range(3)] == ["l"] * 3


def test_the_values_of_a_dynamic_output_come_by_their_mapping_keys(instance: DagsterInstance) -> None:
    mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})

    @pipeline(mode_defs=[mode])
    def on_disk() -> None:
        gives()

    # What a step with a dynamic output records and stores, without one.
    context = execute_pipeline(on_disk, instance=instance).result_for_solid("gives")._context
    handles = [StepOutputHandle("gives", "right", key) for key in ("b", "a")]
    for number, handle in enumerate(handles):
        context.resources.io_manager("io_manager").handle_output(context.io_contexts.output(handle), number)
    stored = [HandledOutputData(each.output_name, "io_manager", mapping_key=each.mapping_key) for each in handles]
    handled = [DagsterEvent("HANDLED_OUTPUT", "on_disk", None, "gives", "gives", data) for data in stored]
    again = DagsterEvent("STEP_RESTARTED", "on_disk", None, "gives", "gives")
    result = SolidExecutionResult(context, "gives", [*handled, again, *handled])
    assert list(result.output_value("right").items()) == [("b", 0), ("a", 1)]
    assert result.output_values == {"right": {"b": 0, "a": 1}}
    assert result.output_value("left") is None


def test_a_value_that_was_deleted_is_not_found(instance: DagsterInstance) -> None:
    mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})

    @pipeline(mode_defs=[mode])
    def on_disk() -> None:
        left, _ = gives()
        takes(left)

    result = execute_pipeline(on_disk, instance=instance)
    assert result.output_for_solid("takes") == "l"
    [data] = [
        event.event_specific_data
        for event in result.event_list
        if event.event_type_value == "HANDLED_OUTPUT" and event.step_key == "takes"
    ]
    Path(data.address).unlink()  # type: ignore[union-attr,arg-type]  # it is a HandledOutputData with an address
    with pytest.raises(DagsterObjectNotFoundError, match=r"output 'result' of step 'takes'.*Execute that step again"):
        result.output_for_solid("takes")
