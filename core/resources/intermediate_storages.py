"""The intermediate storages that every mode offers where its definition names none."""

from __future__ import annotations

from collections.abc import Callable

from core.config import Field, StringSource
from core.definitions.intermediate_storage import (
    InitIntermediateStorageContext,
    IntermediateStorageDefinition,
    intermediate_storage,
)
from core.definitions.keeping.io_manager import IOManagerDefinition
from core.definitions.resource import InitResourceContext
from core.errors import DagsterInvariantViolationError
from core.values.intermediate_io_manager import IntermediateStorageIOManager
from core.values.intermediate_storage import TypeStoragePluginRegistry
from core.values.object_intermediate_storage import ObjectStoreIntermediateStorage
from core.values.object_store import FilesystemObjectStore, InMemoryObjectStore, ObjectStore


def build_intermediate_storage_from_object_store(
    object_store: ObjectStore,
    init_context: InitIntermediateStorageContext,
    root_for_run_id: Callable[[str], str] | None = None,
) -> ObjectStoreIntermediateStorage:
    """An intermediate storage on a store, for the run of `init_context`.

    Args:
        object_store: where the values go.
        init_context: what the creation function was told.
        root_for_run_id: the key below which the values of a run are; `storage/{run_id}` by default.

    Example:
        >>> from core import ModeDefinition, build_intermediate_storage_from_object_store, intermediate_storage
        >>> from core.values.object_store import FilesystemObjectStore
        >>> @intermediate_storage
        ... def on_share(init_context):
        ...     return build_intermediate_storage_from_object_store(FilesystemObjectStore("/mnt/share"), init_context)
        >>> mode = ModeDefinition(intermediate_storage_defs=[on_share])
    """
    return ObjectStoreIntermediateStorage(
        object_store,
        init_context.pipeline_run.run_id,
        root_for_run_id or (lambda run_id: object_store.key_for_paths(["storage", run_id])),
        init_context.type_storage_plugin_registry,
    )


@intermediate_storage(name="in_memory", is_persistent=False)
def mem_intermediate_storage(init_context: InitIntermediateStorageContext) -> ObjectStoreIntermediateStorage:
    """Keeps values in this process, for the time of the run.

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> execute_pipeline(count, {"intermediate_storage": {"in_memory": {}}}).output_for_solid("one")
        1
    """
    return build_intermediate_storage_from_object_store(InMemoryObjectStore(), init_context)


@intermediate_storage(
    name="filesystem",
    is_persistent=True,
    config_schema={
        "base_dir": Field(
            StringSource,
            is_required=False,
            description="The directory in which `storage/{run_id}` is; by default the instance's.",
        )
    },
)
def fs_intermediate_storage(init_context: InitIntermediateStorageContext) -> ObjectStoreIntermediateStorage:
    """Keeps values in files of the local disk.

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> run_config = {"intermediate_storage": {"filesystem": {"config": {"base_dir": "values"}}}}
        >>> execute_pipeline(count, run_config).output_for_solid("one")
        1
    """
    base_dir = init_context.intermediate_storage_config.get("base_dir") or init_context.instance.root_directory
    return build_intermediate_storage_from_object_store(FilesystemObjectStore(base_dir), init_context)


def io_manager_from_intermediate_storage(
    intermediate_storage_def: IntermediateStorageDefinition,
) -> IOManagerDefinition:
    """An IO manager that stores values with an intermediate storage, for modes that name it as one.

    It takes the config and the resources of the storage. Plugins of DagsterTypes are for storages that a run config
    chooses, and not used.

    Raises:
        DagsterInvariantViolationError: when the IO manager is made outside a run, without the instance of one.

    Example:
        >>> from core import ModeDefinition, execute_solid, fs_intermediate_storage, lambda_solid
        >>> from core import io_manager_from_intermediate_storage
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> stored = io_manager_from_intermediate_storage(fs_intermediate_storage)
        >>> execute_solid(one, ModeDefinition(resource_defs={"io_manager": stored})).output_value()
        1
    """
    definition = intermediate_storage_def

    def create(init_context: InitResourceContext) -> IntermediateStorageIOManager:
        if init_context.pipeline_run is None or init_context.instance is None:
            raise DagsterInvariantViolationError(
                f"The intermediate storage {definition.name!r} keeps the values of a run, and there is none; execute a "
                "pipeline with it."
            )
        storage = definition.create(
            InitIntermediateStorageContext(
                pipeline_def=None,
                mode_def=None,
                intermediate_storage_def=definition,
                pipeline_run=init_context.pipeline_run,
                instance=init_context.instance,
                environment_config=None,
                type_storage_plugin_registry=TypeStoragePluginRegistry(),
                resources=init_context.resources,
                intermediate_storage_config=init_context.resource_config,
            )
        )
        return IntermediateStorageIOManager(storage)

    made = IOManagerDefinition(
        create,
        description=definition.description,
        required_resource_keys=definition.required_resource_keys,
        is_persistent=definition.is_persistent,
    )
    made.config_schema = definition.config_schema
    return made


default_intermediate_storage_defs = [mem_intermediate_storage, fs_intermediate_storage]
"""The storages of a mode that names none: in memory, and in files; for modes that add one of their own.

Example:
    >>> from core import ModeDefinition, default_intermediate_storage_defs, mem_intermediate_storage
    >>> mode = ModeDefinition(intermediate_storage_defs=default_intermediate_storage_defs)
    >>> [each.name for each in default_intermediate_storage_defs]
    ['in_memory', 'filesystem']
"""
