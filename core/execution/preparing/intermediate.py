"""The intermediate storage that a run config chooses, as the default IO manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.definitions.intermediate_storage import InitIntermediateStorageContext, IntermediateStorageDefinition
from core.definitions.keeping.io_manager import IOManagerDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import InitResourceContext
from core.definitions.run_configs.environment import EnvironmentConfig
from core.types import DagsterType
from core.values.intermediate_io_manager import IntermediateStorageIOManager
from core.values.intermediate_storage import TypeStoragePluginRegistry


def as_io_manager(
    definition: IntermediateStorageDefinition,
    config: Any,
    pipeline: PipelineDefinition,
    mode: ModeDefinition,
    environment: EnvironmentConfig,
) -> IOManagerDefinition:
    """An IO manager on the storage that `definition` makes."""
    plugins = TypeStoragePluginRegistry.of_types(_types_of(pipeline), definition)

    def create(init_context: InitResourceContext) -> IntermediateStorageIOManager:
        assert init_context.pipeline_run is not None
        assert init_context.instance is not None
        storage = definition.create(
            InitIntermediateStorageContext(
                pipeline_def=pipeline,
                mode_def=mode,
                intermediate_storage_def=definition,
                pipeline_run=init_context.pipeline_run,
                instance=init_context.instance,
                environment_config=environment,
                type_storage_plugin_registry=plugins,
                resources=init_context.resources,
                intermediate_storage_config=config,
            )
        )
        return IntermediateStorageIOManager(storage)

    required = definition.required_resource_keys | plugins.required_resource_keys
    return IOManagerDefinition(create, required_resource_keys=required, is_persistent=definition.is_persistent)


def _types_of(pipeline: PipelineDefinition) -> Iterator[DagsterType]:
    for solid in pipeline.leaves:
        yield from (output_def.dagster_type for output_def in solid.definition.output_defs)
