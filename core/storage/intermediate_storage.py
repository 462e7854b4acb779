"""What an intermediate storage does. It is the older way to store values between steps; IO managers are the newer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from core.events.payloads import StepOutputHandle
from core.types import DagsterType


class IntermediateStorage(ABC):
    """Stores the values of one run by the output that made them."""

    @abstractmethod
    def set_intermediate(
        self,
        context: Any,
        dagster_type: DagsterType,
        step_output_handle: StepOutputHandle,
        value: Any,
        version: str | None = None,
    ) -> Any:
        """Stores the value of an output, replacing one that is there."""

    @abstractmethod
    def get_intermediate(self, context: Any, dagster_type: DagsterType, step_output_handle: StepOutputHandle) -> Any:
        """The value of an output.

        Raises:
            DagsterObjectNotFoundError: none is stored.
        """

    @abstractmethod
    def has_intermediate(self, context: Any, step_output_handle: StepOutputHandle) -> bool:
        """Whether a value of the output is stored."""

    @property
    @abstractmethod
    def is_persistent(self) -> bool:
        """bool: whether the values can be read by another process."""


class TypeStoragePluginRegistry:
    """Which plugin stores values of which DagsterType, for intermediate storages that take plugins.

    Args:
        types_to_register: (type, plugin) pairs.
    """

    def __init__(self, types_to_register: list[tuple[DagsterType, Any]] | None = None) -> None:
        self._plugins = {dagster_type.unique_name: plugin for dagster_type, plugin in types_to_register or []}

    def get(self, dagster_type: DagsterType) -> Any:
        """The plugin for a type, or None."""
        return self._plugins.get(dagster_type.unique_name)
