"""The defaults of modes whose definitions name no IO manager, executor or intermediate storage."""

from __future__ import annotations

from collections.abc import Sequence

from core.definitions.executor import ExecutorDefinition
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY
from core.resources.intermediate_storages import default_intermediate_storage_defs
from core.resources.mem_io_manager import mem_io_manager


def complete_mode(mode: ModeDefinition, default_executors: Sequence[ExecutorDefinition]) -> CompleteMode:
    """A mode with the IO manager, the executor and the intermediate storages that it has by default."""
    storages = mode.intermediate_storage_defs
    return CompleteMode(
        mode,
        {DEFAULT_IO_MANAGER_KEY: mem_io_manager, **mode.resource_defs},
        mode.executor_defs or {each.name: each for each in default_executors},
        {each.name: each for each in default_intermediate_storage_defs} if storages is None else storages,
    )
