"""The run config: its schema, which follows from a pipeline and a mode, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from core.config import (
    ConfigFault,
    ConfigType,
    Field,
    Form,
    MappingForm,
    Selector,
    Shape,
    lacking_secrets,
    not_recordable,
    own_copy,
    raise_faults,
)
from core.config.recordable import MOST_LEVELS
from core.definitions.configurable import ConfigurableDefinition, DefinitionConfig, DefinitionField
from core.definitions.dependency import Solid
from core.definitions.environment import EnvironmentConfig, SolidConfig
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY, InputDefinition
from core.definitions.io_manager import IOConfigField, IOManagerDefinition, NoConfigField
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition
from core.definitions.resource_config import with_required
from core.definitions.root_input_manager import RootInputManagerDefinition
from core.definitions.type_config import OutputsField, input_field, materializes, type_resources


def build_environment(
    pipeline: PipelineDefinition, mode: CompleteMode, run_config: Mapping[str, Any] | None
) -> EnvironmentConfig:
    """Checks a run config.

    Args:
        pipeline: the pipeline.
        mode: its mode.
        run_config: as the user gave it.

    Raises:
        DagsterInvalidConfigError: with every fault; also where the record of the run could not keep it as it is.
    """
    what = f"run config of pipeline {pipeline.name!r} in mode {mode.definition.name!r}"
    unrecordable = list(not_recordable(dict(run_config or {})))
    if any(len(fault.path) >= MOST_LEVELS for fault in unrecordable):
        raise_faults(unrecordable, run_config, what)  # what follows would not come to an end
    given: dict[str, Any] = own_copy(dict(run_config or {}))
    faults = list(lacking_secrets(given))
    raise_faults(faults, given, f"run config of pipeline {pipeline.name!r}, which an earlier run was given")
    default_executor = next(iter(mode.executor_defs))
    schema = run_config_schema(pipeline, mode, bool(given.get("intermediate_storage")), materializes(given))
    resolved = schema.resolve({"execution": {default_executor: {}}, **own_copy(given)}, (), faults)
    known = {fault.path for fault in faults}
    raise_faults([*faults, *(fault for fault in unrecordable if fault.path not in known)], given, what)
    ((executor_name, executor_config),) = resolved["execution"].items()
    return EnvironmentConfig(
        solids={name: SolidConfig.of(solid, resolved["solids"][name]) for name, solid in pipeline.solid_dict.items()},
        resources={key: value.get("config") for key, value in resolved["resources"].items()},
        loggers={key: value.get("config") for key, value in resolved["loggers"].items()},
        execution=(executor_name, executor_config.get("config")),
        intermediate_storage=_only_choice(resolved.get("intermediate_storage")),
        original_config_dict=given,
    )


def _only_choice(chosen: dict[str, Any] | None) -> tuple[str, Any] | None:
    return next(((name, value.get("config")) for name, value in (chosen or {}).items()), None)


def run_config_schema(
    pipeline: PipelineDefinition,
    mode: CompleteMode,
    has_intermediate_storage: bool = False,
    has_materializations: bool = False,
) -> Shape:
    """The schema of run configs of a pipeline in a mode.

    Args:
        pipeline: the pipeline.
        mode: its mode.
        has_intermediate_storage: whether the run config chooses an intermediate storage.
        has_materializations: whether it has outputs written by the materializers of their types.
    """
    used = _used_resources(pipeline, mode, has_materializations)
    io_fields = _IOFields(mode, has_intermediate_storage)
    solids = {name: Field(_solid_schema(each, pipeline, io_fields)) for name, each in pipeline.solid_dict.items()}
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


def _used_resources(pipeline: PipelineDefinition, mode: CompleteMode, has_materializations: bool) -> set[str]:
    """Keys that something requires, directly or through other resources; the config of the rest may be left out."""
    waiting = [key for solid in pipeline.solids for key in solid.definition.required_resource_keys]
    waiting += [output.io_manager_key for solid in pipeline.solids for output in solid.definition.output_defs]
    waiting += [key for solid in pipeline.solids for key in solid.root_manager_keys.values()]
    waiting += [
        key for solid in pipeline.solids for _, keys in type_resources(solid, has_materializations) for key in keys
    ]
    waiting += [key for each in mode.intermediate_storage_defs.values() for key in each.required_resource_keys]
    waiting += [key for each in mode.executor_defs.values() for key in each.required_resource_keys]
    return with_required(mode.resource_defs, waiting)


_LoadingDefinition = IOManagerDefinition | RootInputManagerDefinition


class _IOFields:
    """Fields for the config of inputs and outputs, each made once, since most of a pipeline's solids share them."""

    def __init__(self, mode: CompleteMode, has_intermediate_storage: bool) -> None:
        self._managers = {
            key: each
            for key, each in mode.resource_defs.items()
            if isinstance(each, IOManagerDefinition | RootInputManagerDefinition)
        }
        if has_intermediate_storage:  # which takes the place of this one
            self._managers.pop(DEFAULT_IO_MANAGER_KEY, None)
        self._outputs: dict[str, Field] = {}
        self._inputs: dict[tuple[str, ...], Field] = {}

    def of_output(self, key: str) -> Field:
        """Config for the IO manager that stores an output."""
        if key not in self._outputs:
            schemas = self._schemas([key], lambda definition: getattr(definition, "output_config_schema", None))
            why = f"IO manager {key!r}, which stores this output, has no output_config_schema"
            self._outputs[key] = IOConfigField(schemas) if schemas else NoConfigField(why)
        return self._outputs[key]

    def of_fed_input(self, keys: tuple[str, ...]) -> Field:
        """Config for the IO managers that load an input: those that store the outputs by which it is fed."""
        if keys not in self._inputs:
            schemas = self._schemas(keys, lambda definition: definition.input_config_schema)
            named = " or ".join(map(repr, dict.fromkeys(keys)))
            why = f"a solid feeds this input, and IO manager {named}, which loads it, has no input_config_schema"
            self._inputs[keys] = IOConfigField(schemas) if schemas else NoConfigField(why)
        return self._inputs[keys]

    def of_root_input(self, key: str) -> Field:
        """Config for the root input manager that loads an input which no solid feeds."""
        schemas = self._schemas([key], lambda definition: definition.input_config_schema)
        why = f"the root input manager {key!r}, which loads this input, has no input_config_schema"
        return IOConfigField(schemas) if schemas else NoConfigField(why)

    def _schemas(
        self, keys: Iterable[str], schema_of: Callable[[_LoadingDefinition], DefinitionConfig | None]
    ) -> dict[str, DefinitionConfig]:
        known = {key: schema_of(self._managers[key]) for key in keys if key in self._managers}
        return {key: schema for key, schema in known.items() if schema is not None}


_NOTHING_TO_LOAD = NoConfigField("this input carries no value, so there is nothing to load")


def _solid_schema(solid: Solid, pipeline: PipelineDefinition, io_fields: _IOFields) -> Shape:
    inputs = {each.name: _input_field(each, solid, pipeline, io_fields) for each in solid.definition.input_defs}
    outputs = {each.name: io_fields.of_output(each.io_manager_key) for each in solid.definition.output_defs}
    return Shape(
        {
            "config": DefinitionField(solid.definition.config_schema),
            "inputs": _shape_field({name: field for name, field in inputs.items() if field is not None}),
            "outputs": OutputsField(solid.definition.output_dict, _shape_field(outputs)),
        }
    )


def _shape_field(fields: Mapping[str, Field]) -> Field:
    # Where there is nothing to give, it need not be resolved to be known as optional, which takes time in large plans.
    is_empty = all(isinstance(field, NoConfigField) for field in fields.values())
    return Field(Shape(fields), is_required=False if is_empty else None)


def _input_field(
    definition: InputDefinition, solid: Solid, pipeline: PipelineDefinition, io_fields: _IOFields
) -> Field | None:
    if definition.name in solid.root_manager_keys:
        return io_fields.of_root_input(solid.root_manager_keys[definition.name])
    if definition.name not in solid.feeds:
        return None if definition.dagster_type.is_nothing else input_field(definition)
    if definition.dagster_type.is_nothing:
        return _NOTHING_TO_LOAD
    sources = solid.upstream_of(definition.name)
    outputs = (pipeline.solid_named(each.solid).definition.output_dict[each.output] for each in sources)
    return io_fields.of_fed_input(tuple(output.io_manager_key for output in outputs))


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

    def form(self) -> Form:
        fields = {key: field.form() for key, field in self._fields.items()}
        needs_one = any(each.is_required for each in fields.values())
        optional = {key: msgspec.structs.replace(each, is_required=False) for key, each in fields.items()}
        return MappingForm(optional, needs_one=needs_one)


def _config_only(config: DefinitionConfig) -> Field:
    return Field(Shape({"config": DefinitionField(config)}))


def _resource_field(resource: ResourceDefinition, is_used: bool) -> Field:
    field = _config_only(resource.config_schema)
    return field if is_used or not field.is_required else Field(field.config_type, is_required=False)


__all__ = ["EnvironmentConfig", "SolidConfig"]
