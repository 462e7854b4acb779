"""Graphs of solids that are used as if they were one: composite solids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import msgspec

from core.arguments import check_fields, checked_arguments
from core.cached import cached_property
from core.config import unknown_name
from core.definitions.graphs.mappings import CheckedMappings, InputPlace
from core.definitions.graphs.node import NodeDefinition
from core.definitions.graphs.placing import Dependencies, PlacedNodes
from core.definitions.parts.configurable import ConfigSchema, beginning, check_name
from core.definitions.parts.input_output import (
    FanInInputPointer,
    InputMapping,
    InputPointer,
    OutputMapping,
    OutputPointer,
)
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError

MOST_LEVELS = 100
"""How deep graphs may be in each other."""


class ConfigMapping(msgspec.Struct, frozen=True, eq=False):
    """How the config of a graph becomes that of the solids in it.

    Attributes:
        config_fn: takes config of `config_schema`, and returns what would stand under `solids` in a run config:
            `{"clean": {"config": {...}}}`. Of one that is given to `Graph.to_job`, it returns a whole run config.
        config_schema: what users of the graph write; None takes anything.

    Example:
        >>> from core import ConfigMapping, execute_pipeline, graph, pipeline, solid
        >>> load = solid(name="load", config_schema={"rows": int})(lambda context: context.solid_config["rows"])
        >>> mapping = ConfigMapping(lambda config: {"load": {"config": {"rows": config["tens"] * 10}}}, {"tens": int})
        >>> @graph(config=mapping)
        ... def loads():
        ...     return load()
        >>> all_loads = pipeline(name="all_loads")(lambda: loads())
        >>> execute_pipeline(all_loads, {"solids": {"loads": {"config": {"tens": 2}}}}).output_for_solid("loads")
        20
    """

    config_fn: Callable[[Any], Any]
    config_schema: ConfigSchema | None = None

    def __post_init__(self) -> None:
        check_fields(self, "a ConfigMapping")


class GraphDefinition(NodeDefinition):
    """Solids, and graphs of them, that are placed in pipelines and graphs as one.

    Args:
        name: unique among those beside it.
        description: for people.
        node_defs: every solid and graph that `dependencies` names.
        dependencies: as of a pipeline: for each (by name, or by SolidInvocation where it has an alias), what feeds its
            inputs.
        input_mappings: where its inputs go. One input may go to several.
        output_mappings: where its outputs come from.
        config_mapping: how its config becomes that of the solids in it; without one, each has its own in a run config.
        tags: string to string, or to what JSON can hold.
        positional_inputs: the names of its inputs in the order in which they are given by position; that of the input
            mappings by default.

    Attributes:
        nodes: what is in it, in its places.
        config_mapping: as given.
        levels: how many graphs are in each other there, itself included.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together; the message says which.
    """

    _default_kind = "graph"

    @checked_arguments("graph")
    def __init__(
        self,
        name: str,
        description: str | None = None,
        node_defs: Sequence[NodeDefinition] = (),
        dependencies: Dependencies | None = None,
        input_mappings: Sequence[InputMapping] | None = None,
        output_mappings: Sequence[OutputMapping] | None = None,
        config_mapping: ConfigMapping | None = None,
        tags: Mapping[str, Any] | None = None,
        positional_inputs: Sequence[str] | None = None,
    ) -> None:
        check_name(name, self._default_kind)
        self.nodes = PlacedNodes(self._default_kind, name, node_defs, dependencies or {})
        self.input_mappings = tuple(input_mappings or ())
        self.output_mappings = tuple(output_mappings or ())
        self.config_mapping = config_mapping
        where = beginning(f"{self._default_kind} {name!r}")
        self._mappings = CheckedMappings(
            where, self.nodes.by_name, self.input_mappings, self.output_mappings, positional_inputs
        )
        super().__init__(
            name,
            self._default_kind,
            self._mappings.input_defs,
            self._mappings.output_defs,
            {} if config_mapping is None else config_mapping.config_schema,
            description,
            tags,
        )
        inner = (each.definition for each in self.nodes.by_name.values())
        self.levels: int = 1 + max((each.levels for each in inner if isinstance(each, GraphDefinition)), default=0)
        if self.levels > MOST_LEVELS:
            raise DagsterInvalidDefinitionError(
                f"{self.described} has {self.levels} graphs in each other, and {MOST_LEVELS} are the most. Place some "
                "of them beside each other."
            )

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
    ) -> Self:
        """The same with config given now, or with another schema; see `SolidDefinition.configured`.

        Raises:
            DagsterInvalidDefinitionError: it has no config mapping, and so no config of its own.
            DagsterInvalidConfigError: the config does not satisfy the schema.
        """
        if self.config_mapping is None:
            raise DagsterInvalidDefinitionError(
                f"{self.described} has no config mapping, so it has no config of its own to be given now. Give it a "
                "config_schema and a config_fn, or configure the solids in it."
            )
        return super().configured(config_or_config_fn, name, config_schema, description)

    def source_of_input(self, place: InputPlace) -> str | None:
        """The name of its input that is mapped to an input of a solid in it; None where none is."""
        return self._mappings.input_sources.get(place)

    def source_of_output(self, output_name: str) -> OutputPointer:
        """Where one of its outputs comes from, in it; raises DagsterInvariantViolationError when it has none of it."""
        if output_name not in self.output_dict:
            unknown = unknown_name("output", output_name, self.output_dict)
            raise DagsterInvariantViolationError(f"{self.described}: {unknown}")
        return self._mappings.output_sources[output_name]

    @cached_property
    def optional_inputs(self) -> frozenset[str]:
        """frozenset[str]: inputs that may be given by nothing, since each that they go to has a default value."""
        placed = self.nodes.by_name
        needed = {
            definition.name
            for definition, to in self.input_mappings
            if not _may_be_left_out(placed[to.solid_name].definition, to)
        }
        return frozenset(each.name for each in self.input_defs if each.name not in needed)


def _may_be_left_out(definition: NodeDefinition, to: InputPointer | FanInInputPointer) -> bool:
    if isinstance(to, FanInInputPointer):
        return False
    is_inside = isinstance(definition, GraphDefinition) and to.input_name in definition.optional_inputs
    return is_inside or definition.input_dict[to.input_name].has_default_value


class CompositeSolidDefinition(GraphDefinition):
    """A graph of solids that is placed in pipelines, and in other composite solids, as one solid.

    Args:
        name: unique among those beside it.
        solid_defs: every solid that `dependencies` names; see GraphDefinition for this and the rest.
        input_mappings: where its inputs go.
        output_mappings: where its outputs come from.
        config_mapping: how its config becomes that of the solids in it.
        dependencies: what feeds the inputs of each solid in it.
        description: for people.
        tags: string to string, or to what JSON can hold.
        positional_inputs: the names of its inputs in the order in which they are given by position.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together; the message says which.

    Example:
        CompositeSolidDefinition(
            "add_two",
            [add_one],
            [InputDefinition("number").mapping_to("first", "number")],
            [OutputDefinition(int).mapping_from("again")],
            dependencies={SolidInvocation("add_one", "again"): {"number": DependencyDefinition("first")},
                          SolidInvocation("add_one", "first"): {}},
        )

    Example:
        >>> from core import CompositeSolidDefinition, OutputDefinition, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> counting = CompositeSolidDefinition(
        ...     "counting", [one], output_mappings=[OutputDefinition(name="count").mapping_from("one")]
        ... )
        >>> result = execute_pipeline(pipeline(name="counts")(lambda: counting()))
        >>> result.output_for_solid("counting", "count"), result.executed_step_keys
        (1, ['counting.one'])
    """

    _default_kind = "composite solid"

    @checked_arguments("composite solid")
    def __init__(
        self,
        name: str,
        solid_defs: Sequence[NodeDefinition],
        input_mappings: Sequence[InputMapping] | None = None,
        output_mappings: Sequence[OutputMapping] | None = None,
        config_mapping: ConfigMapping | None = None,
        dependencies: Dependencies | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        positional_inputs: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            name,
            description,
            solid_defs,
            dependencies,
            input_mappings,
            output_mappings,
            config_mapping,
            tags,
            positional_inputs,
        )
