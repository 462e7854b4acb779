"""What a mode has where its definition says nothing."""

from __future__ import annotations

from core.definitions.executor import ExecutorDefinition
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.intermediate_storage import IntermediateStorageDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.resource import ResourceDefinition
from core.resources.intermediate_storages import default_intermediate_storage_defs
from core.resources.mem_io_manager import mem_io_manager


def resources_of(mode: ModeDefinition) -> dict[str, ResourceDefinition]:
    """The resources of a mode, with the default IO manager where it names none."""
    return {DEFAULT_IO_MANAGER_KEY: mem_io_manager, **mode.resource_defs}


def executors_of(mode: ModeDefinition, default: ExecutorDefinition) -> dict[str, ExecutorDefinition]:
    """The executors that a run in a mode can choose from; the first one runs it where it chooses none."""
    return mode.executor_defs or {default.name: default}


def intermediate_storages_of(mode: ModeDefinition) -> dict[str, IntermediateStorageDefinition]:
    """The intermediate storages that a run in a mode can choose from."""
    if mode.intermediate_storage_defs is None:
        return {each.name: each for each in default_intermediate_storage_defs}
    return mode.intermediate_storage_defs
