"""What an intermediate storage does. It is the older way to store values between steps; IO managers are the newer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from core.errors import DagsterInvalidDefinitionError
from core.events.payloads import StepOutputHandle
from core.types import DagsterType
from core.values.io_context import InputContext, OutputContext


class IntermediateStorage(ABC):
    """Stores the values of one run by the output that made them.

    Example:
        >>> from core import IntermediateStorage, intermediate_storage
        >>> class Shelf(IntermediateStorage):
        ...     is_persistent = False
        ...     values = {}
        ...     def set_intermediate(self, context, dagster_type, step_output_handle, value, version=None):
        ...         self.values[step_output_handle] = value
        ...     def get_intermediate(self, context, dagster_type, step_output_handle):
        ...         return self.values[step_output_handle]
        ...     def has_intermediate(self, context, step_output_handle):
        ...         return step_output_handle in self.values
        >>> shelf = intermediate_storage(name="shelf", is_persistent=False)(lambda init_context: Shelf())
    """

    @abstractmethod
    def set_intermediate(
        self,
        context: OutputContext | None,
        dagster_type: DagsterType,
        step_output_handle: StepOutputHandle,
        value: Any,
        version: str | None = None,
    ) -> Any:
        """Stores the value of an output, replacing one that is there."""

    @abstractmethod
    def get_intermediate(
        self, context: InputContext | None, dagster_type: DagsterType, step_output_handle: StepOutputHandle
    ) -> Any:
        """The value of an output.

        Raises:
            DagsterObjectNotFoundError: none is stored.
        """

    @abstractmethod
    def has_intermediate(self, context: OutputContext | None, step_output_handle: StepOutputHandle) -> bool:
        """Whether a value of the output is stored."""

    @property
    @abstractmethod
    def is_persistent(self) -> bool:
        """bool: whether the values can be read by another process."""

    def of_run(self, run_id: str) -> IntermediateStorage:
        """The same storage with the values of another run, for a run that is executed again in part.

        By default this one: a storage that does not tell runs apart.
        """
        return self

    def get_address(self, step_output_handle: StepOutputHandle) -> str | None:
        """Where the value of an output is or will be, as a path or URL; None where that cannot be said."""
        return None


class TypeStoragePlugin(ABC):
    """Stores values of one DagsterType in its own way. It is used as a class and never made an instance.

    A type brings its plugins as `auto_plugins`. The intermediate storage that a plugin is given has an `object_store`,
    and `set_intermediate_object` and `get_intermediate_object`, which do what is done without a plugin.

    Example:
        >>> from core import DagsterType, TypeStoragePlugin
        >>> class OneText(TypeStoragePlugin):
        ...     @classmethod
        ...     def compatible_with_storage_def(cls, intermediate_storage_def):
        ...         return True
        ...     @classmethod
        ...     def set_intermediate_object(cls, storage, context, dagster_type, step_output_handle, value):
        ...         return storage.set_intermediate_object(context, dagster_type, step_output_handle, " ".join(value))
        ...     @classmethod
        ...     def get_intermediate_object(cls, storage, context, dagster_type, step_output_handle):
        ...         return storage.get_intermediate_object(context, dagster_type, step_output_handle).split()
        >>> words = DagsterType(lambda _, value: isinstance(value, list), "Words", auto_plugins=[OneText])
    """

    @classmethod
    @abstractmethod
    def compatible_with_storage_def(cls, intermediate_storage_def: Any) -> bool:
        """Whether it can be used with the storages that an IntermediateStorageDefinition makes."""

    @classmethod
    @abstractmethod
    def set_intermediate_object(
        cls,
        intermediate_storage: Any,
        context: OutputContext | None,
        dagster_type: DagsterType,
        step_output_handle: StepOutputHandle,
        value: Any,
    ) -> Any:
        """Stores a value; `context` is an OutputContext."""

    @classmethod
    @abstractmethod
    def get_intermediate_object(
        cls,
        intermediate_storage: Any,
        context: InputContext | None,
        dagster_type: DagsterType,
        step_output_handle: StepOutputHandle,
    ) -> Any:
        """The value that `set_intermediate_object` stored; `context` is an InputContext.

        Raises:
            DagsterObjectNotFoundError: none is stored.
        """

    @classmethod
    def required_resource_keys(cls) -> frozenset[str]:
        """Resources that `context.resources` has for it."""
        return frozenset()


class TypeStoragePluginRegistry:
    """Which plugin stores values of which DagsterType, for intermediate storages that take plugins.

    Args:
        types_to_register: (type, plugin) pairs; of two for one type the first holds.
    """

    def __init__(self, types_to_register: Iterable[tuple[DagsterType, type[TypeStoragePlugin]]] | None = None) -> None:
        self._plugins: dict[str, type[TypeStoragePlugin]] = {}
        for dagster_type, plugin in types_to_register or ():
            self.register_type(dagster_type, plugin)

    @staticmethod
    def of_types(dagster_types: Iterable[DagsterType], intermediate_storage_def: Any) -> TypeStoragePluginRegistry:
        """The plugins that some types bring for a storage."""
        return TypeStoragePluginRegistry(
            (each, plugin)
            for each in dagster_types
            for plugin in each.auto_plugins
            if plugin.compatible_with_storage_def(intermediate_storage_def)
        )

    def register_type(self, type_to_register: DagsterType, type_storage_plugin: type[TypeStoragePlugin]) -> None:
        """Adds a plugin for a type that has none yet.

        Raises:
            DagsterInvalidDefinitionError: it is not a subclass of TypeStoragePlugin.
        """
        if not (isinstance(type_storage_plugin, type) and issubclass(type_storage_plugin, TypeStoragePlugin)):
            raise DagsterInvalidDefinitionError(
                f"The plugin for DagsterType {type_to_register.display_name!r} must be a subclass of "
                f"TypeStoragePlugin, the class itself; got {type_storage_plugin!r}."
            )
        self._plugins.setdefault(type_to_register.unique_name, type_storage_plugin)

    def is_registered(self, dagster_type: DagsterType) -> bool:
        """Whether there is a plugin for a type."""
        return dagster_type.unique_name in self._plugins

    def get(self, dagster_type: DagsterType | str) -> type[TypeStoragePlugin] | None:
        """The plugin for a type, or for the type of a name; None where there is none."""
        return self._plugins.get(dagster_type if isinstance(dagster_type, str) else dagster_type.unique_name)

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """frozenset[str]: what the plugins require."""
        return frozenset().union(*(plugin.required_resource_keys() for plugin in self._plugins.values()))
