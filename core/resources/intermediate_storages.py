"""The intermediate storages that every mode offers where its definition names none."""

from __future__ import annotations

from collections.abc import Callable

from core.config import Field, StringSource
from core.definitions.intermediate_storage import InitIntermediateStorageContext, intermediate_storage
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
    """
    return ObjectStoreIntermediateStorage(
        object_store,
        init_context.pipeline_run.run_id,
        root_for_run_id or (lambda run_id: object_store.key_for_paths(["storage", run_id])),
        init_context.type_storage_plugin_registry,
    )


@intermediate_storage(name="in_memory", is_persistent=False)
def mem_intermediate_storage(init_context: InitIntermediateStorageContext) -> ObjectStoreIntermediateStorage:
    """Keeps values in this process, for the time of the run."""
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
    """Keeps values in files of the local disk."""
    base_dir = init_context.intermediate_storage_config.get("base_dir") or init_context.instance.root_directory
    return build_intermediate_storage_from_object_store(FilesystemObjectStore(base_dir), init_context)


default_intermediate_storage_defs = [mem_intermediate_storage, fs_intermediate_storage]
