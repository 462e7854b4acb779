"""The result of a graph of solids in a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from core.config import unknown_name
from core.definitions.graph import GraphDefinition
from core.definitions.graphs.flatten import PlacedGraph
from core.errors import DagsterInvariantViolationError
from core.events.records import DagsterEvent
from core.events.user_events import DEFAULT_OUTPUT


class NodeResult(Protocol):
    """The result of a solid or graph."""

    @property
    def success(self) -> bool:
        """bool: whether it succeeded."""

    @property
    def skipped(self) -> bool:
        """bool: whether it was skipped."""

    @property
    def compute_step_events(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: its events."""

    def output_value(self, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output; None if it was not given."""

    @property
    def output_values(self) -> dict[str, Any]:
        """dict[str, Any]: the values of the outputs that were given."""


class CompositeSolidExecutionResult:
    """The result of a composite solid, or graph, in a run.

    Args:
        graph: the graph in its place.
        has: whether the run has the solid or graph of a key.
        result_of: the result of one, by its key.

    Attributes:
        solid_name: the name of the graph where it is placed.
        handle: its key in the pipeline, as `outer.inner`.

    Example:
        >>> from core import composite_solid, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> @composite_solid
        ... def counting():
        ...     return one()
        >>> result = execute_pipeline(pipeline(name="counts")(lambda: counting())).result_for_solid("counting")
        >>> result.output_value(), result.result_for_solid("one").success
        (1, True)
    """

    def __init__(self, graph: PlacedGraph, has: Callable[[str], bool], result_of: Callable[[str], Any]) -> None:
        self._graph, self._has, self._result_of = graph, has, result_of
        self.handle = graph.key
        self.solid_name = graph.key.rpartition(".")[2]

    def __repr__(self) -> str:
        outcome = "skipped" if self.skipped else "succeeded" if self.success else "did not succeed"
        return f"<{type(self).__name__} {self.solid_name!r}: {outcome}>"

    @property
    def solid_result_list(self) -> list[Any]:
        """The results of the solids and graphs in it that the run has, each after those that feed it."""
        keys = (self._key(node.name) for node in self._graph.definition.nodes.ordered)
        return [self._result_of(key) for key in keys if self._has(key)]

    def result_for_solid(self, name: str) -> Any:
        """The result of a solid or graph in it.

        Args:
            name: its name there; `inner.clean` names one in a graph in it.

        Raises:
            DagsterInvariantViolationError: the run has none of that name in it.
        """
        return self._result_of(self._key(name))

    @property
    def success(self) -> bool:
        """bool: whether each solid in it was executed and succeeded, did not need to be executed, or was skipped."""
        return all(each.success or each.skipped for each in self._results())

    @property
    def skipped(self) -> bool:
        """bool: whether each solid in it was skipped."""
        return all(each.skipped for each in self._results())

    @property
    def compute_step_events(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: the events of the steps in it, step by step."""
        return [event for each in self._results() for event in each.compute_step_events]

    @property
    def output_values(self) -> dict[str, Any]:
        """dict[str, Any]: the values of its outputs that were given, by output; loaded when asked for."""
        values: dict[str, Any] = {}
        for definition in self._graph.definition.output_defs:
            result, output = self._source(definition.name)
            given = result.output_values if result is not None else {}
            if output in given:
                values[definition.name] = given[output]
        return values

    def output_value(self, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output, loaded now with its IO manager; None if it was not given.

        Raises:
            DagsterInvariantViolationError: it has no such output.
            DagsterObjectNotFoundError: the value is no longer stored.
        """
        outputs = self._graph.definition.output_dict
        if output_name not in outputs:
            unknown = unknown_name("output", output_name, outputs)
            raise DagsterInvariantViolationError(f"Solid {self.handle!r}: {unknown}")
        result, output = self._source(output_name)
        return None if result is None else result.output_value(output)

    def _source(self, output_name: str) -> tuple[NodeResult | None, str]:
        """The result of what gives an output of the graph, if the run has it, and the name of the output there."""
        definition, prefix = self._graph.definition, f"{self.handle}."
        name, output = definition.source_of_output(output_name)
        while isinstance(inner := definition.nodes.by_name[name].definition, GraphDefinition):
            prefix, definition = f"{prefix}{name}.", inner
            name, output = inner.source_of_output(output)
        key = f"{prefix}{name}"
        return self._result_of(key) if self._has(key) else None, output

    def _results(self) -> list[NodeResult]:
        return list(self.solid_result_list)

    def _key(self, name: str) -> str:
        return f"{self.handle}.{name}"
