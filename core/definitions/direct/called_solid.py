"""What is known of a solid that is called outside a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from core.definitions.parts.input_output import InputDefinition, OutputDefinition


class CalledSolid(Protocol):
    """A solid, as a SolidDefinition is one."""

    context_parameter: str | None
    compute_fn: Callable[[Any, dict[str, Any]], Any]

    @property
    def name(self) -> str:
        """str: its name."""

    @property
    def input_defs(self) -> Sequence[InputDefinition]:
        """Sequence[InputDefinition]: in the order of the function's parameters."""

    @property
    def output_defs(self) -> Sequence[OutputDefinition]:
        """Sequence[OutputDefinition]: its outputs."""

    @property
    def output_dict(self) -> Mapping[str, OutputDefinition]:
        """Mapping[str, OutputDefinition]: by name."""

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """frozenset[str]: the resources that it requires."""

    def resolved_config(self, given: Any, how: str) -> Any:
        """The config that its function gets; see `ConfigurableDefinition.resolved_config`."""
