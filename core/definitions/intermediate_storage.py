"""Intermediate storages as definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import msgspec

from core.arguments import checked_arguments
from core.definitions.parts.configurable import ConfigSchema, ConfigurableDefinition, check_name
from core.definitions.run_configs.environment import EnvironmentConfig, IMode, IPipeline
from core.errors import DagsterInvalidDefinitionError
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun
from core.values.intermediate_storage import IntermediateStorage, TypeStoragePluginRegistry


class InitIntermediateStorageContext(msgspec.Struct, frozen=True):
    """What the creation function of an intermediate storage is told.

    Attributes:
        pipeline_def: the pipeline; it, its mode and the run config are None where the storage is used as an IO manager
            by `io_manager_from_intermediate_storage`.
        mode_def: its mode.
        intermediate_storage_def: the definition of the storage.
        pipeline_run: the run.
        instance: the DagsterInstance.
        environment_config: the whole checked run config.
        type_storage_plugin_registry: plugins for values of certain types.
        resources: the resources it requires, as attributes.
        intermediate_storage_config: its own config.

    Example:
        >>> from core import InitIntermediateStorageContext, build_intermediate_storage_from_object_store
        >>> from core import intermediate_storage
        >>> from core.values.object_store import FilesystemObjectStore
        >>> @intermediate_storage
        ... def beside_logs(init_context: InitIntermediateStorageContext):
        ...     store = FilesystemObjectStore(init_context.instance.root_directory)
        ...     return build_intermediate_storage_from_object_store(store, init_context)
        >>> beside_logs.is_persistent
        True
    """

    pipeline_def: IPipeline | None
    mode_def: IMode | None
    intermediate_storage_def: IntermediateStorageDefinition
    pipeline_run: PipelineRun
    instance: DagsterInstance
    environment_config: EnvironmentConfig | None
    type_storage_plugin_registry: TypeStoragePluginRegistry
    resources: Any
    intermediate_storage_config: dict[str, Any]


CreationFn = Callable[[InitIntermediateStorageContext], IntermediateStorage]


class IntermediateStorageDefinition(ConfigurableDefinition):
    """An intermediate storage that a mode offers; a run config chooses one under `intermediate_storage`.

    Args:
        name: what the run config calls it.
        is_persistent: whether its values can be read by another process.
        required_resource_keys: resources it requires.
        config_schema: of `init_context.intermediate_storage_config`.
        intermediate_storage_creation_fn: makes the IntermediateStorage.
        description: for people.

    Example:
        >>> from core import IntermediateStorageDefinition, ModeDefinition, mem_intermediate_storage
        >>> mine = IntermediateStorageDefinition(
        ...     "mine",
        ...     is_persistent=False,
        ...     required_resource_keys=None,
        ...     intermediate_storage_creation_fn=mem_intermediate_storage.create,
        ... )
        >>> mode = ModeDefinition(intermediate_storage_defs=[mine])  # chosen by {"intermediate_storage": {"mine": {}}}
    """

    @checked_arguments("intermediate storage")
    def __init__(
        self,
        name: str,
        is_persistent: bool,
        required_resource_keys: Iterable[str] | None,
        config_schema: ConfigSchema | None = None,
        intermediate_storage_creation_fn: CreationFn | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(check_name(name, "intermediate storage"), config_schema, description, "intermediate storage")
        self.is_persistent = is_persistent
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.intermediate_storage_creation_fn = intermediate_storage_creation_fn

    def create(self, init_context: InitIntermediateStorageContext) -> IntermediateStorage:
        """Makes the storage.

        Raises:
            DagsterInvalidDefinitionError: the definition has no creation function, or it made something else.
        """
        make = self.intermediate_storage_creation_fn
        made = make(init_context) if make else None
        if not isinstance(made, IntermediateStorage):
            raise DagsterInvalidDefinitionError(
                f"The creation function of intermediate storage {self.name!r} must return an IntermediateStorage; "
                f"it returned {made!r}."
            )
        return made


@overload
def intermediate_storage(required_resource_keys: CreationFn) -> IntermediateStorageDefinition: ...
@overload
def intermediate_storage(
    required_resource_keys: Iterable[str] | None = None,
    name: str | None = None,
    is_persistent: bool = True,
    config_schema: ConfigSchema | None = None,
) -> Callable[[CreationFn], IntermediateStorageDefinition]: ...
def intermediate_storage(
    required_resource_keys: Any = None,
    name: str | None = None,
    is_persistent: bool = True,
    config_schema: ConfigSchema | None = None,
) -> Any:
    """Decorator: a function from InitIntermediateStorageContext to a storage becomes a definition.

    Args:
        required_resource_keys: resources it requires.
        name: of the storage; the function's name by default.
        is_persistent: whether its values can be read by another process.
        config_schema: of `init_context.intermediate_storage_config`.

    Example:
        >>> from core import ModeDefinition, build_intermediate_storage_from_object_store, execute_pipeline
        >>> from core import intermediate_storage, lambda_solid, pipeline
        >>> from core.values.object_store import FilesystemObjectStore
        >>> @intermediate_storage(config_schema={"folder": str})
        ... def in_folder(init_context):
        ...     store = FilesystemObjectStore(init_context.intermediate_storage_config["folder"])
        ...     return build_intermediate_storage_from_object_store(store, init_context)
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> mode = ModeDefinition(intermediate_storage_defs=[in_folder])
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> run_config = {"intermediate_storage": {"in_folder": {"config": {"folder": "values"}}}}
        >>> execute_pipeline(count, run_config).output_for_solid("one")
        1
    """
    if callable(required_resource_keys):
        fn = required_resource_keys
        return IntermediateStorageDefinition(fn.__name__, is_persistent, None, None, fn, fn.__doc__)

    def make(fn: CreationFn) -> IntermediateStorageDefinition:
        own_name = name or str(getattr(fn, "__name__", "intermediate_storage"))
        return IntermediateStorageDefinition(
            own_name, is_persistent, required_resource_keys, config_schema, fn, fn.__doc__
        )

    return make
