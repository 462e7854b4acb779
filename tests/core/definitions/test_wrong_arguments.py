"""Each argument of what users define things with, given what its annotation does not allow: refused in a sentence.

The table says how each is called rightly; what is wrong for an argument is worked out from its annotation.
"""

from __future__ import annotations

import collections.abc
import contextlib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

import core
from core import DagsterError, experimental, tables
from core.repositories.data import CachingRepositoryData

UTC_DAY = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@core.solid
def _one() -> int:
    return 1


@core.pipeline
def _pipeline() -> None:
    _one()


class Maker(NamedTuple):
    """How something is defined rightly.

    Attributes:
        make: the constructor, decorator or builder.
        given: what it requires.
        decorates: the function that what it returns is called with, of a decorator.
    """

    make: Callable[..., Any]
    given: dict[str, Any] = {}  # noqa: RUF012
    decorates: Callable[..., Any] | None = None


def _nothing(_context: Any) -> Any:
    return None


def _listed() -> list[Any]:
    return [_pipeline]


def _number() -> int:
    return 1


def _body() -> None:
    _one()


def _pair(_context: Any, _event: Any) -> Any:
    return None


def _event_list(_context: Any, _events: Any) -> Any:
    return None


def _value_of(_: Any) -> Any:
    return {}


_DATE = {"pipeline_name": "nightly", "start_date": UTC_DAY}
_PARTITIONS = core.PartitionSetDefinition("days", "nightly", lambda: [core.Partition("a")])

MAKERS = {
    "SolidDefinition": Maker(
        core.SolidDefinition, {"name": "by_hand", "input_defs": [], "compute_fn": lambda _, __: 1}
    ),
    "solid": Maker(core.solid, {}, _number),
    "lambda_solid": Maker(core.lambda_solid, {}, _number),
    "op": Maker(core.op, {}, _number),
    "In": Maker(core.In),
    "Out": Maker(core.Out),
    "MultiOut": Maker(core.MultiOut, {"outs": {"a": core.Out(int)}}),
    "InputDefinition": Maker(core.InputDefinition, {"name": "rows"}),
    "OutputDefinition": Maker(core.OutputDefinition),
    "DynamicOutputDefinition": Maker(experimental.DynamicOutputDefinition),
    "InputMapping": Maker(
        core.InputMapping,
        {
            "definition": core.InputDefinition("rows"),
            "maps_to": core.InputDefinition("rows").mapping_to("a", "rows").maps_to,
        },
    ),
    "OutputMapping": Maker(
        core.OutputMapping,
        {"definition": core.OutputDefinition(), "maps_from": core.OutputDefinition().mapping_from("a").maps_from},
    ),
    "DependencyDefinition": Maker(core.DependencyDefinition, {"solid": "clean"}),
    "MultiDependencyDefinition": Maker(
        core.MultiDependencyDefinition, {"dependencies": [core.DependencyDefinition("clean")]}
    ),
    "SolidInvocation": Maker(core.SolidInvocation, {"name": "clean"}),
    "CompositeSolidDefinition": Maker(core.CompositeSolidDefinition, {"name": "placed", "solid_defs": [_one]}),
    "composite_solid": Maker(core.composite_solid, {}, _body),
    "graph": Maker(core.graph, {}, _body),
    "ConfigMapping": Maker(core.ConfigMapping, {"config_fn": _value_of}),
    "PipelineDefinition": Maker(core.PipelineDefinition, {"solid_defs": [_one], "name": "by_hand"}),
    "pipeline": Maker(core.pipeline, {}, _body),
    "ModeDefinition": Maker(core.ModeDefinition),
    "PresetDefinition": Maker(core.PresetDefinition, {"name": "small"}),
    "ResourceDefinition": Maker(core.ResourceDefinition, {"resource_fn": _nothing}),
    "resource": Maker(core.resource, {}, _nothing),
    "IOManagerDefinition": Maker(core.IOManagerDefinition, {"resource_fn": _nothing}),
    "io_manager": Maker(core.io_manager, {}, _nothing),
    "RootInputManagerDefinition": Maker(core.RootInputManagerDefinition, {"resource_fn": _nothing}),
    "root_input_manager": Maker(core.root_input_manager, {}, _nothing),
    "LoggerDefinition": Maker(core.LoggerDefinition, {"logger_fn": _nothing}),
    "logger": Maker(core.logger, {}, _nothing),
    "ExecutorDefinition": Maker(core.ExecutorDefinition, {"name": "own", "executor_creation_fn": _nothing}),
    "executor": Maker(core.executor, {"name": "own"}, _nothing),
    "IntermediateStorageDefinition": Maker(
        core.IntermediateStorageDefinition,
        {
            "name": "own",
            "is_persistent": True,
            "required_resource_keys": None,
            "intermediate_storage_creation_fn": _nothing,
        },
    ),
    "intermediate_storage": Maker(core.intermediate_storage, {}, _nothing),
    "HookDefinition": Maker(core.HookDefinition, {"name": "alert", "hook_fn": _event_list}),
    "success_hook": Maker(core.success_hook, {}, _nothing),
    "failure_hook": Maker(core.failure_hook, {}, _nothing),
    "RetryPolicy": Maker(core.RetryPolicy),
    "Field": Maker(core.Field, {"config": int}),
    "Array": Maker(core.Array, {"inner_type": int}),
    "Noneable": Maker(core.Noneable, {"inner_type": int}),
    "Enum": Maker(core.Enum, {"name": "Color", "enum_values": [core.EnumValue("red")]}),
    "EnumValue": Maker(core.EnumValue, {"config_value": "red"}),
    "Shape": Maker(core.Shape, {"fields": {"a": int}}),
    "Permissive": Maker(core.Permissive, {"fields": {"a": int}}),
    "Selector": Maker(core.Selector, {"fields": {"a": int}}),
    "ScalarUnion": Maker(core.ScalarUnion, {"scalar_type": int, "non_scalar_schema": {"a": int}}),
    "DagsterType": Maker(core.DagsterType, {"type_check_fn": lambda _, __: True, "name": "Any1"}),
    "PythonObjectDagsterType": Maker(core.PythonObjectDagsterType, {"python_type": dict}),
    "dagster_type_loader": Maker(core.dagster_type_loader, {"config_schema": int}, _pair),
    "dagster_type_materializer": Maker(
        core.dagster_type_materializer, {"config_schema": int}, lambda context, config, value: None
    ),
    "usable_as_dagster_type": Maker(core.usable_as_dagster_type, {}, type("Own", (), {})),
    "SerializationStrategy": Maker(core.PickleSerializationStrategy),
    "Output": Maker(core.Output, {"value": 1}),
    "DynamicOutput": Maker(experimental.DynamicOutput, {"value": 1, "mapping_key": "a"}),
    "AssetKey": Maker(core.AssetKey, {"path": "rows"}),
    "AssetMaterialization": Maker(core.AssetMaterialization, {"asset_key": "rows"}),
    "ExpectationResult": Maker(core.ExpectationResult, {"success": True}),
    "TypeCheck": Maker(core.TypeCheck, {"success": True}),
    "Failure": Maker(core.Failure),
    "RetryRequested": Maker(core.RetryRequested),
    "EventMetadataEntry": Maker(
        core.EventMetadataEntry, {"label": "rows", "description": None, "entry_data": core.TextMetadataEntryData("a")}
    ),
    "schedule": Maker(core.schedule, {"cron_schedule": "0 0 * * *", "pipeline_name": "nightly"}, _value_of),
    "ScheduleDefinition": Maker(
        core.ScheduleDefinition, {"name": "own", "cron_schedule": "0 0 * * *", "pipeline_name": "nightly"}
    ),
    "daily_schedule": Maker(core.daily_schedule, _DATE, _value_of),
    "hourly_schedule": Maker(core.hourly_schedule, _DATE, _value_of),
    "weekly_schedule": Maker(core.weekly_schedule, _DATE, _value_of),
    "monthly_schedule": Maker(core.monthly_schedule, _DATE, _value_of),
    "sensor": Maker(core.sensor, {"pipeline_name": "nightly"}, _nothing),
    "SensorDefinition": Maker(
        core.SensorDefinition, {"name": "own", "evaluation_fn": _nothing, "pipeline_name": "nightly"}
    ),
    "asset_sensor": Maker(core.asset_sensor, {"asset_key": core.AssetKey("a"), "pipeline_name": "nightly"}, _pair),
    "AssetSensorDefinition": Maker(
        core.AssetSensorDefinition,
        {
            "name": "own",
            "asset_key": core.AssetKey("a"),
            "pipeline_name": "nightly",
            "asset_materialization_fn": _pair,
        },
    ),
    "RunRequest": Maker(core.RunRequest),
    "SkipReason": Maker(core.SkipReason),
    "Partition": Maker(core.Partition, {"value": 1}),
    "PartitionSetDefinition": Maker(
        core.PartitionSetDefinition, {"name": "days", "pipeline_name": "nightly", "partition_fn": list}
    ),
    "PartitionSetDefinition.create_schedule_definition": Maker(
        _PARTITIONS.create_schedule_definition,
        {"schedule_name": "own", "cron_schedule": "0 0 * * *", "partition_selector": lambda context, partitions: None},
    ),
    "date_partition_range": Maker(core.date_partition_range, {"start": UTC_DAY}),
    "create_offset_partition_selector": Maker(
        core.create_offset_partition_selector, {"execution_time_to_partition_fn": lambda moment: moment}
    ),
    "repository": Maker(core.repository, {}, _listed),
    "RepositoryDefinition": Maker(
        core.RepositoryDefinition, {"name": "own", "repository_data": CachingRepositoryData.from_list([])}
    ),
    "build_solid_context": Maker(core.build_solid_context),
    "build_op_context": Maker(core.build_op_context),
    "build_hook_context": Maker(core.build_hook_context),
    "build_init_resource_context": Maker(core.build_init_resource_context),
    "build_init_logger_context": Maker(core.build_init_logger_context),
    "build_input_context": Maker(core.build_input_context),
    "build_output_context": Maker(core.build_output_context),
    "build_schedule_context": Maker(core.build_schedule_context),
    "build_sensor_context": Maker(core.build_sensor_context),
    "build_resources": Maker(core.build_resources, {"resources": {}}),
    "table_type": Maker(tables.table_type, {"name": "Rows"}),
    "Column": Maker(tables.Column, {"name": "a"}),
    "Check": Maker(tables.Check, {"name": "ok", "holds": lambda series: True}),
}

WRONG: dict[str, Any] = {
    "None": None,
    "int": 3,
    "str": "text",
    "list": [object()],
    "dict": {"a": object()},
    "object": object(),
}


NOT_IN_TABLE = {"PartitionScheduleDefinition", "make_values_resource", "build_intermediate_storage_from_object_store"}
ALSO_TAKEN = {("RunRequest", "run_config", "None"), ("RunRequest", "tags", "None")}
"""What may be None in the place of what is left out."""


def _cases() -> Iterator[tuple[str, str, list[str]]]:
    for name, maker in MAKERS.items():
        for parameter, hint in _hints(maker.make).items():
            kinds = [kind for kind, value in WRONG.items() if not _fits(value, hint)]
            wrong = [kind for kind in kinds if (name, parameter, kind) not in ALSO_TAKEN]
            if wrong:
                yield name, parameter, wrong


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    """What each argument takes, by its annotation; the name that a decorator takes is text, or the function itself."""
    function = make.__init__ if isinstance(make, type) and "__init__" in vars(make) else make  # type: ignore[misc]
    scope = {**vars(typing), **vars(collections.abc), **vars(core), **vars(experimental)}
    scope.update(vars(sys.modules[inspect.unwrap(function).__module__]))
    hints = {}
    for each in inspect.signature(make).parameters.values():
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            hint = eval(each.annotation, scope) if isinstance(each.annotation, str) else each.annotation
            hints[each.name] = str | None if each.name == "name" and hint is Any else hint
    return hints


def _fits(value: Any, hint: Any) -> bool:
    if hint in (Any, object) or isinstance(hint, typing.TypeVar | typing.ForwardRef | str):
        return True
    if hint is None:
        return value is None
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in typing.get_args(hint))
    if getattr(hint, "_is_protocol", False):
        return False
    if origin is None:
        return isinstance(value, hint) or (hint is float and isinstance(value, int))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is type:
        return isinstance(value, type)
    if not isinstance(value, origin):
        return False
    if origin is collections.abc.Callable:
        return True
    arguments = typing.get_args(hint)
    if issubclass(origin, collections.abc.Mapping):
        return all(_fits(each, arguments[1]) for each in value.values())
    if isinstance(value, str):
        return False
    return all(_fits(each, arguments[0]) for each in value)


def _made(maker: Maker, **given: Any) -> Any:
    made = maker.make(**{**maker.given, **given})
    return made(maker.decorates) if maker.decorates else made


@pytest.mark.parametrize("name", MAKERS)
def test_what_the_table_says_is_taken(name: str) -> None:
    _made(MAKERS[name])


@pytest.mark.parametrize(("name", "parameter", "kinds"), list(_cases()))
def test_what_an_argument_does_not_take_is_refused_by_its_name(name: str, parameter: str, kinds: list[str]) -> None:
    for kind in kinds:
        with pytest.raises(DagsterError, match=parameter):
            _made(MAKERS[name], **{parameter: WRONG[kind]})


def test_the_table_has_most_of_what_can_be_given_wrongly() -> None:
    cases = list(_cases())
    assert len(MAKERS) > 80
    assert sum(len(kinds) for _, _, kinds in cases) > 2000


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_given_in_any_place_is_taken_or_refused_as_what_cannot_be(name: str) -> None:
    for parameter in _hints(MAKERS[name].make):
        for value in (*WRONG.values(), "", [], {}, 1.5, b""):
            with contextlib.suppress(DagsterError):
                _made(MAKERS[name], **{parameter: value})


def test_each_public_definition_is_in_the_table() -> None:
    made = (
        *("_hook", "_schedule", "_sensor", "sensor", "Definition", "Mapping", "DagsterType", "_type_loader"),
        *("_type_materializer", "_manager", "solid", "pipeline", "repository", "resource", "logger", "executor"),
    )
    names = {name for name in core.__all__ if name.endswith(made) or name.startswith("build_")}
    ready = {name for name in names if hasattr(getattr(core, name), "configured") and name.islower()}
    running = {name for name in names if "execute_" in name or name == "plan_pipeline"}
    assert names - ready - running - NOT_IN_TABLE - MAKERS.keys() == set()
