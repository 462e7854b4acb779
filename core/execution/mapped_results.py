"""The result of a solid that was executed for each value of a dynamic output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.config import unknown_name
from core.errors import DagsterInvariantViolationError
from core.events.records import DagsterEvent
from core.events.user_events import DEFAULT_OUTPUT
from core.execution.composite_results import NodeResult


class MappedSolidExecutionResult:
    """The result of a solid that was executed for each value of a dynamic output.

    Args:
        handle: the key of the solid in the pipeline.
        results: that of each step, by mapping key.

    Attributes:
        handle: as given.
        solid_name: the name of the solid where it is placed.
        results: as given.

    Example:
        result.result_for_solid("size").output_value() == {"first": 3, "second": 5}
    """

    def __init__(self, handle: str, results: Mapping[str, NodeResult]) -> None:
        self.handle = handle
        self.solid_name = handle.rpartition(".")[2]
        self.results = dict(results)

    def result_for_key(self, mapping_key: str) -> NodeResult:
        """The result of the step for one value; raises DagsterInvariantViolationError when there is none."""
        if mapping_key not in self.results:
            unknown = unknown_name("mapping key", mapping_key, self.results)
            raise DagsterInvariantViolationError(f"Solid {self.handle!r}: {unknown}")
        return self.results[mapping_key]

    @property
    def success(self) -> bool:
        """bool: whether each step succeeded, did not need to be executed, or was skipped."""
        return all(each.success or each.skipped for each in self.results.values())

    @property
    def skipped(self) -> bool:
        """bool: whether there were steps, and each was skipped."""
        return bool(self.results) and all(each.skipped for each in self.results.values())

    @property
    def compute_step_events(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: the events of its steps, step by step."""
        return [event for each in self.results.values() for event in each.compute_step_events]

    def output_value(self, output_name: str = DEFAULT_OUTPUT) -> dict[str, Any]:
        """The values of an output by mapping key, loaded now; without those that were not given.

        Raises:
            DagsterInvariantViolationError: there is no such output.
            DagsterObjectNotFoundError: a value is no longer stored.
        """
        values = {key: each.output_value(output_name) for key, each in self.results.items()}
        return {key: value for key, value in values.items() if value is not None or self._gave(key, output_name)}

    def _gave(self, key: str, output_name: str) -> bool:
        return output_name in self.results[key].output_values

    @property
    def output_values(self) -> dict[str, Any]:
        """dict[str, Any]: for each output, its values by mapping key."""
        values: dict[str, Any] = {}
        for key, each in self.results.items():
            for name, value in each.output_values.items():
                values.setdefault(name, {})[key] = value
        return values
