"""The run config: its schema, which follows from a pipeline and a mode, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from core.config import (
    ConfigFault,
    ConfigType,
    Field,
    Permissive,
    Selector,
    Shape,
    as_config_type,
    own_copy,
    raise_faults,
)
from core.definitions.configurable import ConfigurableDefinition, DefinitionConfig, DefinitionField
from core.definitions.dependency import Solid
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition


class SolidConfig(msgspec.Struct, frozen=True):
    """What a run config says of one solid.

    Attributes:
        config: for `context.solid_config`.
        inputs: values of inputs that nothing feeds, by input.
        outputs: config for the IO managers of its outputs, by output.
    """

    config: Any = None
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}


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
        schema = _run_config_schema(pipeline, mode)
        resolved = schema.resolve({"execution": {default_executor: {}}, **own_copy(given)}, (), faults)
        raise_faults(faults, given, f"run config of pipeline {pipeline.name!r} in mode {mode.definition.name!r}")
        ((executor_name, executor_config),) = resolved["execution"].items()
        return EnvironmentConfig(
            solids={name: SolidConfig(**value) for name, value in resolved["solids"].items()},
            resources={key: value.get("config") for key, value in resolved["resources"].items()},
            loggers={key: value.get("config") for key, value in resolved["loggers"].items()},
            execution=(executor_name, executor_config.get("config")),
            intermediate_storage=_only_choice(resolved.get("intermediate_storage")),
            original_config_dict=given,
        )


def _only_choice(chosen: dict[str, Any] | None) -> tuple[str, Any] | None:
    return next(((name, value.get("config")) for name, value in (chosen or {}).items()), None)


def _run_config_schema(pipeline: PipelineDefinition, mode: CompleteMode) -> Shape:
    used = _used_resources(pipeline, mode)
    resources = {key: _resource_field(each, key in used) for key, each in mode.resource_defs.items()}
    sections: dict[str, Field] = {
        "solids": Field(Shape({name: _solid_schema(solid) for name, solid in pipeline.solid_dict.items()})),
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


def _solid_schema(solid: Solid) -> Shape:
    fields: dict[str, Any] = {"config": DefinitionField(solid.definition.config_schema)}
    unfed = [each for each in solid.definition.input_defs if each.name not in solid.feeds]
    inputs = {each.name: _input_field(each) for each in unfed if not each.dagster_type.is_nothing}
    fields["inputs"] = Field(Shape(inputs))
    fields["outputs"] = Field(
        Permissive({each.name: Field(Permissive(), is_required=False) for each in solid.definition.output_defs}),
        is_required=False,
    )
    return Shape(fields)


def _input_field(input_def: Any) -> Field:
    """A value given as it is, or as `{value: ...}`."""
    schema = input_def.dagster_type.loader_schema
    about = f"a value for input {input_def.name!r}, which no solid feeds"
    if schema is None:
        return Field(_Unloadable(input_def.dagster_type.display_name), is_required=not input_def.has_default_value)
    return Field(_InputValue(schema), is_required=not input_def.has_default_value, description=about)


class _InputValue(ConfigType):
    """A value, or `{value: ...}`; what it comes to is the value alone."""

    def __init__(self, schema: Any) -> None:
        self._value = as_config_type(schema)

    @property
    def given_name(self) -> str:
        return self._value.given_name

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        if isinstance(value, dict) and set(value) == {"value"}:
            return self._value.resolve(value["value"], (*path, "value"), faults)
        return self._value.resolve(value, path, faults)


class _Unloadable(ConfigType):
    """Stands where no config can give a value."""

    def __init__(self, type_name: str) -> None:
        self._type_name = type_name

    @property
    def given_name(self) -> str:
        return self._type_name

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        message = f"values of type {self._type_name} cannot be given as config; feed the input from a solid"
        faults.append(ConfigFault(path, message))
        return value


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
