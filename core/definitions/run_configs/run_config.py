"""The run config: its schema, which follows from a pipeline and a mode, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
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
    collecting_secrets,
    lacking_secrets,
    not_recordable,
    note_secrets,
    own_copy,
    raise_faults,
)
from core.config.recordable import MOST_LEVELS
from core.definitions.graph import ConfigMapping
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.parts.configurable import ConfigurableDefinition, DefinitionConfig, DefinitionField
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition
from core.definitions.run_configs.environment import EnvironmentConfig
from core.definitions.run_configs.resource_config import with_required
from core.definitions.run_configs.solids_section import SolidsSection, faults_of_mapped
from core.definitions.run_configs.type_config import materializes, type_resources
from core.errors import DagsterConfigMappingFunctionError, DagsterInvariantViolationError, user_code_error_boundary
from core.wording import a_kind_of


def check_is_mapping(run_config: object) -> None:
    """Raises DagsterInvalidConfigError for a run config that is no mapping, such as the name of a file; without it."""
    if run_config is not None and not isinstance(run_config, Mapping):
        said = f"expected a mapping, got {a_kind_of(run_config)}; of files, PresetDefinition.from_files makes one"
        raise_faults([ConfigFault((), said)], None, "run config")


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
    check_is_mapping(run_config)
    if not run_config and isinstance(pipeline.config, Mapping):
        run_config = pipeline.config
    unrecordable = list(not_recordable(dict(run_config or {})))
    if any(len(fault.path) >= MOST_LEVELS for fault in unrecordable):
        raise_faults(unrecordable, run_config, what)  # what follows would not come to an end
    given: dict[str, Any] = own_copy(dict(run_config or {}))
    faults = list(lacking_secrets(given))
    raise_faults(faults, given, f"run config of pipeline {pipeline.name!r}, which an earlier run was given")
    default_executor = next(iter(mode.executor_defs))
    full, has_secrets = given, False
    if isinstance(pipeline.config, ConfigMapping):
        full, has_secrets = _mapped(pipeline, pipeline.config, given, what)
    solids = SolidsSection(pipeline, mode, bool(full.get("intermediate_storage")))
    schema = _schema_with(solids, pipeline, mode, materializes(full))
    resolved = schema.resolve({"execution": {default_executor: {}}, **own_copy(full)}, (), faults)
    if full is not given:
        faults = list(faults_of_mapped(faults, (), pipeline.name, has_secrets))
    known = {fault.path for fault in faults}
    raise_faults([*faults, *(fault for fault in unrecordable if fault.path not in known)], given, what)
    ((executor_name, executor_config),) = resolved["execution"].items()
    return EnvironmentConfig(
        solids=solids.configs(resolved),
        resources={key: value.get("config") for key, value in resolved["resources"].items()},
        loggers={key: value.get("config") for key, value in resolved["loggers"].items()},
        execution=(executor_name, executor_config.get("config")),
        intermediate_storage=_only_choice(resolved.get("intermediate_storage")),
        original_config_dict=given,
    )


def _mapped(
    pipeline: PipelineDefinition, mapping: ConfigMapping, given: dict[str, Any], what: str
) -> tuple[dict[str, Any], bool]:
    """The run config that a config mapping makes of what a run is given, and whether a secret was in that."""
    faults: list[ConfigFault] = []
    own = DefinitionConfig(mapping.config_schema, f"pipeline {pipeline.name}")
    with collecting_secrets() as secrets:
        resolved = own.resolve(given, (), faults)
    note_secrets(secrets)
    raise_faults(faults, given, what)
    with user_code_error_boundary(
        DagsterConfigMappingFunctionError, f"The config_fn of pipeline {pipeline.name!r} raised"
    ):
        mapped = mapping.config_fn(resolved)
    if not isinstance(mapped, Mapping):
        raise DagsterInvariantViolationError(
            f"The config_fn of pipeline {pipeline.name!r} must return a run config; it returned a "
            f"{type(mapped).__name__}."
        )
    return dict(mapped), bool(secrets)


def _only_choice(chosen: dict[str, Any] | None) -> tuple[str, Any] | None:
    return next(((name, value.get("config")) for name, value in (chosen or {}).items()), None)


def run_config_schema(
    pipeline: PipelineDefinition,
    mode: CompleteMode,
    has_intermediate_storage: bool = False,
    has_materializations: bool = False,
) -> ConfigType:
    """The schema of run configs of a pipeline in a mode; where a config mapping makes them, that of what it takes.

    Args:
        pipeline: the pipeline.
        mode: its mode.
        has_intermediate_storage: whether the run config chooses an intermediate storage.
        has_materializations: whether it has outputs written by the materializers of their types.
    """
    if isinstance(pipeline.config, ConfigMapping):
        return DefinitionConfig(pipeline.config.config_schema, f"pipeline {pipeline.name}").field.config_type
    return _schema_with(SolidsSection(pipeline, mode, has_intermediate_storage), pipeline, mode, has_materializations)


def _schema_with(
    solids: SolidsSection, pipeline: PipelineDefinition, mode: CompleteMode, has_materializations: bool
) -> Shape:
    used = _used_resources(pipeline, mode, has_materializations)
    resources = {key: _resource_field(each, key in used) for key, each in mode.resource_defs.items()}
    sections: dict[str, Field] = {
        **solids.fields,
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
    waiting = [key for solid in pipeline.leaves for key in solid.definition.required_resource_keys]
    waiting += [output.io_manager_key for solid in pipeline.leaves for output in solid.definition.output_defs]
    waiting += [key for solid in pipeline.leaves for key in solid.root_manager_keys.values()]
    waiting += [
        key for solid in pipeline.leaves for _, keys in type_resources(solid, has_materializations) for key in keys
    ]
    waiting += [key for each in mode.intermediate_storage_defs.values() for key in each.required_resource_keys]
    waiting += [key for each in mode.executor_defs.values() for key in each.required_resource_keys]
    return with_required(mode.resource_defs, waiting)


class _Loggers(ConfigType):
    """Config by logger; a run config that names loggers chooses those, one that names none gets all that need none."""

    given_name = "mapping of loggers"

    def __init__(self, mode: ModeDefinition) -> None:
        self._fields = {key: _config_only(each.config_schema) for key, each in mode.logger_defs.items()}

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        if value is None or value == {}:
            value = {key: {} for key, field in self._fields.items() if not field.is_required}
        named = value if isinstance(value, Mapping) else {}
        resolved = Shape(
            {key: field if key in named else _optional(field) for key, field in self._fields.items()}
        ).resolve(value, path, faults)
        return {key: config for key, config in resolved.items() if key in named} if named else resolved

    def form(self) -> Form:
        fields = {key: field.form() for key, field in self._fields.items()}
        return MappingForm({key: msgspec.structs.replace(each, is_required=False) for key, each in fields.items()})


def _config_only(config: DefinitionConfig) -> Field:
    return Field(Shape({"config": DefinitionField(config)}))


def _resource_field(resource: ResourceDefinition, is_used: bool) -> Field:
    field = _config_only(resource.config_schema)
    return field if is_used else _optional(field)


def _optional(field: Field) -> Field:
    return Field(field.config_type, is_required=False) if field.is_required else field
