"""The run config: its schema, which follows from a pipeline and a mode, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.config import (
    ConfigFault,
    ConfigType,
    Field,
    Selector,
    Shape,
    own_copy,
    raise_faults,
)
from core.definitions.configurable import ConfigurableDefinition, DefinitionConfig, DefinitionField
from core.definitions.dependency import Solid
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.io_manager import IOConfig, IOConfigField, IOManagerDefinition, NoConfigField
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition

_IOManagers = Mapping[str, IOManagerDefinition]


class SolidConfig(msgspec.Struct, frozen=True):
    """What a run config says of one solid.

    Attributes:
        config: for `context.solid_config`.
        inputs: values of inputs that nothing feeds, by input.
        loading: config for the IO managers that load the other inputs: input -> resource key -> config.
        storing: config for the IO managers that store its outputs: output -> resource key -> config.
    """

    config: Any = None
    inputs: dict[str, Any] = {}
    loading: dict[str, dict[str, IOConfig]] = {}
    storing: dict[str, dict[str, IOConfig]] = {}

    @staticmethod
    def of(solid: Solid, resolved: Mapping[str, Any]) -> SolidConfig:
        """From what a run config came to."""
        inputs = resolved["inputs"]
        return SolidConfig(
            resolved.get("config"),
            {name: value for name, value in inputs.items() if name not in solid.feeds},
            {name: value for name, value in inputs.items() if name in solid.feeds},
            resolved["outputs"],
        )


class EnvironmentConfig(msgspec.Struct, frozen=True):
    """A checked run config, with defaults and environment variables in place.

    Attributes:
        solids: by solid.
        resources: config by resource key.
        loggers: config by logger key; only the loggers that the run config names, or all where it names none.
        execution: (executor name, its config).
        intermediate_storage: (storage name, its config); None where none is chosen.
        original_config_dict: the run config as it was given.
    """

    solids: dict[str, SolidConfig]
    resources: dict[str, Any]
    loggers: dict[str, Any]
    execution: tuple[str, Any]
    intermediate_storage: tuple[str, Any] | None
    original_config_dict: dict[str, Any]

    @staticmethod
    def build(
        pipeline: PipelineDefinition, mode: CompleteMode, run_config: Mapping[str, Any] | None
    ) -> EnvironmentConfig:
        """Checks a run config.

        Args:
            pipeline: the pipeline.
            mode: its mode.
            run_config: as the user gave it.

        Raises:
            DagsterInvalidConfigError: with every fault.
        """
        faults: list[ConfigFault] = []
        given: dict[str, Any] = own_copy(dict(run_config or {}))
        default_executor = next(iter(mode.executor_defs))
        schema = _run_config_schema(pipeline, mode, bool(given.get("intermediate_storage")))
        resolved = schema.resolve({"execution": {default_executor: {}}, **own_copy(given)}, (), faults)
        raise_faults(faults, given, f"run config of pipeline {pipeline.name!r} in mode {mode.definition.name!r}")
        ((executor_name, executor_config),) = resolved["execution"].items()
        return EnvironmentConfig(
            solids={
                name: SolidConfig.of(solid, resolved["solids"][name]) for name, solid in pipeline.solid_dict.items()
            },
            resources={key: value.get("config") for key, value in resolved["resources"].items()},
            loggers={key: value.get("config") for key, value in resolved["loggers"].items()},
            execution=(executor_name, executor_config.get("config")),
            intermediate_storage=_only_choice(resolved.get("intermediate_storage")),
            original_config_dict=given,
        )


def _only_choice(chosen: dict[str, Any] | None) -> tuple[str, Any] | None:
    return next(((name, value.get("config")) for name, value in (chosen or {}).items()), None)


def _run_config_schema(pipeline: PipelineDefinition, mode: CompleteMode, has_intermediate_storage: bool) -> Shape:
    used = _used_resources(pipeline, mode)
    io_managers = {key: each for key, each in mode.resource_defs.items() if isinstance(each, IOManagerDefinition)}
    if has_intermediate_storage:  # which takes the place of this one
        io_managers.pop(DEFAULT_IO_MANAGER_KEY, None)
    solids = {name: Field(_solid_schema(each, pipeline, io_managers)) for name, each in pipeline.solid_dict.items()}
    resources = {key: _resource_field(each, key in used) for key, each in mode.resource_defs.items()}
    sections: dict[str, Field] = {
        "solids": Field(Shape(solids)),
        "resources": Field(Shape(resources)),
        "loggers": Field(_Loggers(mode.definition), is_required=False, default_value={}),
        "execution": Field(_choice_of(mode.executor_defs), is_required=False),
    }
    if mode.intermediate_storage_defs:
        sections["intermediate_storage"] = Field(_choice_of(mode.intermediate_storage_defs), is_required=False)
    return Shape(sections)


def _choice_of(definitions: Mapping[str, ConfigurableDefinition]) -> Selector:
    return Selector({name: _config_only(each.config_schema) for name, each in definitions.items()})


def _used_resources(pipeline: PipelineDefinition, mode: CompleteMode) -> set[str]:
    """Keys that something requires, directly or through other resources; the config of the rest may be left out."""
    resources = mode.resource_defs
    waiting = [key for solid in pipeline.solids for key in solid.definition.required_resource_keys]
    waiting += [output.io_manager_key for solid in pipeline.solids for output in solid.definition.output_defs]
    waiting += [key for each in mode.intermediate_storage_defs.values() for key in each.required_resource_keys]
    waiting += [key for each in mode.executor_defs.values() for key in each.required_resource_keys]
    used: set[str] = set()
    while waiting:
        key = waiting.pop()
        if key not in used and key in resources:
            used.add(key)
            waiting.extend(resources[key].required_resource_keys)
    return used


def _solid_schema(solid: Solid, pipeline: PipelineDefinition, io_managers: _IOManagers) -> Shape:
    inputs = {
        each.name: _fed_input_field(solid, each.name, pipeline, io_managers)
        if each.name in solid.feeds
        else each.value_field()
        for each in solid.definition.input_defs
        if each.name in solid.feeds or not each.dagster_type.is_nothing
    }
    outputs = {each.name: _output_field(each.io_manager_key, io_managers) for each in solid.definition.output_defs}
    return Shape(
        {
            "config": DefinitionField(solid.definition.config_schema),
            "inputs": Field(Shape(inputs)),
            "outputs": Field(Shape(outputs)),
        }
    )


def _output_field(key: str, io_managers: _IOManagers) -> Field:
    definition = io_managers.get(key)
    if definition is None or definition.output_config_schema is None:
        return NoConfigField(f"this output's IO manager, {key!r}, has no output_config_schema")
    return IOConfigField({key: definition.output_config_schema})


def _fed_input_field(solid: Solid, name: str, pipeline: PipelineDefinition, io_managers: _IOManagers) -> Field:
    """Config for the IO managers that load an input: those that store the outputs by which it is fed."""
    if solid.definition.input_dict[name].dagster_type.is_nothing:
        return NoConfigField("this input carries no value, so there is nothing to load")
    keys: dict[str, str] = {}
    schemas: dict[str, DefinitionConfig] = {}
    for source in solid.upstream_of(name):
        key = pipeline.solid_named(source.solid).definition.output_dict[source.output].io_manager_key
        definition = io_managers.get(key)
        keys[key] = source.solid
        if definition is not None and definition.input_config_schema is not None:
            schemas[key] = definition.input_config_schema
    if schemas:
        return IOConfigField(schemas)
    loaded_by = "; ".join(f"solid {feeder!r} feeds it, and IO manager {key!r} loads it" for key, feeder in keys.items())
    return NoConfigField(f"{loaded_by}, which has no input_config_schema")


class _Loggers(ConfigType):
    """Config by logger; a run config that names loggers chooses those, one that names none gets them all."""

    given_name = "mapping of loggers"

    def __init__(self, mode: ModeDefinition) -> None:
        self._fields = {key: _config_only(each.config_schema) for key, each in mode.logger_defs.items()}

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        named = value if isinstance(value, Mapping) and value else {key: {} for key in self._fields}
        is_known = set(named) <= set(self._fields)
        chosen = {key: field for key, field in self._fields.items() if key in named or not is_known}
        return Shape(chosen).resolve(named, path, faults)


def _config_only(config: DefinitionConfig) -> Field:
    return Field(Shape({"config": DefinitionField(config)}))


def _resource_field(resource: ResourceDefinition, is_used: bool) -> Field:
    field = _config_only(resource.config_schema)
    return field if is_used or not field.is_required else Field(field.config_type, is_required=False)


__all__ = ["EnvironmentConfig", "SolidConfig"]
