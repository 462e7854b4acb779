"""An intermediate storage used as the default IO manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.definitions.environment import EnvironmentConfig
from core.definitions.intermediate_storage import InitIntermediateStorageContext, IntermediateStorageDefinition
from core.definitions.io_manager import IOManagerDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import InitResourceContext
from core.events.payloads import StepOutputHandle
from core.types import DagsterType
from core.values.intermediate_storage import IntermediateStorage, TypeStoragePluginRegistry
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager


class IntermediateStorageIOManager(IOManager):
    """Stores and loads values with an intermediate storage."""

    def __init__(self, storage: IntermediateStorage) -> None:
        self._storage = storage

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._storage.set_intermediate(context, context.dagster_type, _handle(context), obj, context.version)

    def load_input(self, context: InputContext) -> Any:
        upstream = context.upstream_output
        assert upstream is not None
        storage = self._storage if upstream.run_id is None else self._storage.of_run(upstream.run_id)
        return storage.get_intermediate(context, upstream.dagster_type, _handle(upstream))

    def get_address(self, context: OutputContext) -> str | None:
        return self._storage.get_address(_handle(context))


def _handle(context: OutputContext) -> StepOutputHandle:
    return StepOutputHandle(context.step_key, context.name, context.mapping_key)


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
    for solid in pipeline.solids:
        yield from (output_def.dagster_type for output_def in solid.definition.output_defs)
