"""An intermediate storage used as an IO manager."""

from __future__ import annotations

from typing import Any

from core.events.payloads import StepOutputHandle
from core.values.intermediate_storage import IntermediateStorage
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
