"""Intermediate storages on object stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.errors import DagsterObjectNotFoundError
from core.events.payloads import StepOutputHandle
from core.types import DagsterType
from core.values.intermediate_storage import IntermediateStorage, TypeStoragePluginRegistry
from core.values.io_context import InputContext, OutputContext
from core.values.object_store import ObjectStore


class ObjectStoreIntermediateStorage(IntermediateStorage):
    """Values of one run at `{root}/intermediates/{step_key}/{output_name}`, and `/{mapping_key}` where there is one.

    A value is written by the plugin of its DagsterType, if the registry has one; else by the type's serialization
    strategy, which is pickle where the type has none of its own.

    Args:
        object_store: where the values are.
        run_id: the run.
        root_for_run_id: the key, in the store, below which the values of a run are.
        type_storage_plugin_registry: plugins by type; none by default.

    Attributes:
        object_store: as given.
        run_id: as given.
        root: the key below which the values of this run are.
    """

    def __init__(
        self,
        object_store: ObjectStore,
        run_id: str,
        root_for_run_id: Callable[[str], str],
        type_storage_plugin_registry: TypeStoragePluginRegistry | None = None,
    ) -> None:
        self.object_store = object_store
        self.run_id = run_id
        self.root = root_for_run_id(run_id)
        self._root_for_run_id = root_for_run_id
        self._plugins = type_storage_plugin_registry or TypeStoragePluginRegistry()

    @property
    def is_persistent(self) -> bool:
        return self.object_store.is_persistent

    def set_intermediate(
        self,
        context: OutputContext | None,
        dagster_type: DagsterType,
        step_output_handle: StepOutputHandle,
        value: Any,
        version: str | None = None,
    ) -> Any:
        plugin = self._plugins.get(dagster_type)
        if plugin is None:
            return self.set_intermediate_object(dagster_type, step_output_handle, value)
        return plugin.set_intermediate_object(self, context, dagster_type, step_output_handle, value)

    def get_intermediate(
        self, context: InputContext | None, dagster_type: DagsterType, step_output_handle: StepOutputHandle
    ) -> Any:
        plugin = self._plugins.get(dagster_type)
        try:
            if plugin is None:
                return self.get_intermediate_object(dagster_type, step_output_handle)
            return plugin.get_intermediate_object(self, context, dagster_type, step_output_handle)
        except DagsterObjectNotFoundError as error:
            raise DagsterObjectNotFoundError(
                f"No value is stored for output {step_output_handle.output_name!r} of step "
                f"{step_output_handle.step_key!r} of run {self.run_id}. {error} Execute that step again."
            ) from error

    def has_intermediate(self, context: OutputContext | None, step_output_handle: StepOutputHandle) -> bool:
        return self.object_store.has_object(self.key_for_handle(step_output_handle))

    def rm_intermediate(self, context: Any, step_output_handle: StepOutputHandle) -> None:
        """Deletes the value of an output, if one is stored."""
        self.object_store.rm_object(self.key_for_handle(step_output_handle))

    def copy_intermediate_from_run(self, context: Any, run_id: str, step_output_handle: StepOutputHandle) -> None:
        """Stores the value that an output has in another run as that of this run.

        Raises:
            DagsterObjectNotFoundError: none is stored there.
        """
        source = self.of_run(run_id).key_for_handle(step_output_handle)
        self.object_store.cp_object(source, self.key_for_handle(step_output_handle))

    def of_run(self, run_id: str) -> ObjectStoreIntermediateStorage:
        if run_id == self.run_id:
            return self
        return ObjectStoreIntermediateStorage(self.object_store, run_id, self._root_for_run_id, self._plugins)

    def get_address(self, step_output_handle: StepOutputHandle) -> str | None:
        return self.object_store.uri_for_key(self.key_for_handle(step_output_handle))

    def set_intermediate_object(
        self, dagster_type: DagsterType, step_output_handle: StepOutputHandle, value: Any
    ) -> str:
        """Stores a value by the serialization strategy of its type, whatever plugin the type has.

        Returns:
            str: the URI of the value.
        """
        key = self.key_for_handle(step_output_handle)
        return self.object_store.set_object(key, value, dagster_type.serialization_strategy)

    def get_intermediate_object(self, dagster_type: DagsterType, step_output_handle: StepOutputHandle) -> Any:
        """The value that `set_intermediate_object` stored.

        Raises:
            DagsterObjectNotFoundError: none is stored.
        """
        key = self.key_for_handle(step_output_handle)
        return self.object_store.get_object(key, dagster_type.serialization_strategy)[0]

    def key_for_handle(self, step_output_handle: StepOutputHandle) -> str:
        """The key of the value of an output."""
        names = ["intermediates", step_output_handle.step_key, step_output_handle.output_name]
        if step_output_handle.mapping_key is not None:
            names.append(step_output_handle.mapping_key)
        return f"{self.root}{self.object_store.sep}{self.object_store.key_for_paths(names)}"
