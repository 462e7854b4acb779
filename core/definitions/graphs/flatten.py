"""The solids of a pipeline, however deep in graphs, each with the solids that feed it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from core.definitions.dependency import (
    DependencyDefinition,
    DynamicCollectDependencyDefinition,
    Feed,
    GraphInput,
    MultiDependencyDefinition,
    Node,
    Solid,
)
from core.definitions.graph import GraphDefinition
from core.definitions.graphs.placing import PlacedNodes
from core.definitions.hook import HookDefinition
from core.definitions.parts.retry_policy import RetryPolicy
from core.definitions.solid import SolidDefinition
from core.errors import DagsterInvalidDefinitionError

Given = Feed | GraphInput


class PlacedGraph(msgspec.Struct, frozen=True, eq=False):
    """A graph in its place in a pipeline.

    Attributes:
        key: the names of the graphs around it and its own, as `outer.inner`.
        definition: the graph.
        given: what gives its inputs; those of which nothing is known are left out.
        hook_defs: hooks of each step in it.
        retry_policy: for solids in it that have none.
    """

    key: str
    definition: GraphDefinition
    given: Mapping[str, Given]
    hook_defs: frozenset[HookDefinition] = frozenset()
    retry_policy: RetryPolicy | None = None


class Flattened(msgspec.Struct, frozen=True, eq=False):
    """What a pipeline consists of.

    Attributes:
        solids: by key, in an order in which each comes after those that feed it.
        graphs: by key, each before those in it.
    """

    solids: dict[str, Solid]
    graphs: dict[str, PlacedGraph]


def flattened(
    nodes: PlacedNodes, graph_def: GraphDefinition | None = None, chosen: Collection[str] | None = None
) -> Flattened:
    """The solids of a pipeline.

    Args:
        nodes: what is in the pipeline.
        graph_def: the graph that it is made of, whose inputs are those of the pipeline; its key is "".
        chosen: the keys of the solids that are wanted; inputs that others feed are fed by nothing. All by default.

    Raises:
        DagsterInvalidDefinitionError: an item of a fan-in is given by an input of a graph that no solid feeds, or that
            several do.
    """
    result = Flattened({}, {})
    root = None if graph_def is None else PlacedGraph("", graph_def, {})
    walks: list[Iterator[tuple[_Scope, Node]]] = [_Scope("", nodes, root, chosen).walk()]
    while walks:
        found = next(walks[-1], None)
        if found is None:
            walks.pop()
            continue
        scope, node = found
        key, definition = scope.key_of(node.name), node.definition
        given = {name: each for name in definition.input_dict if (each := scope.given(node, name)) is not None}
        if isinstance(definition, GraphDefinition):
            graph = PlacedGraph(key, definition, given, *scope.own_and_around(node, node.retry_policy))
            result.graphs[key] = graph
            walks.append(_Scope(f"{key}.", definition.nodes, graph, chosen).walk())
        elif chosen is None or key in chosen:
            assert isinstance(definition, SolidDefinition)
            feeds = {name: each for name, each in given.items() if not isinstance(each, GraphInput)}
            from_graphs = {
                name: each
                for name, each in given.items()
                if isinstance(each, GraphInput) and definition.input_dict[name].root_manager_key is None
            }
            own = scope.own_and_around(node, node.retry_policy or definition.retry_policy)
            result.solids[key] = Solid(node.name, definition, node.tags, feeds, *own, node.place, key, from_graphs)
    return result if chosen is None else Flattened(result.solids, _around(result))


def _around(flat: Flattened) -> dict[str, PlacedGraph]:
    """The graphs that have a solid in them."""
    found = set()
    for key in flat.solids:
        while "." in key:
            key = key.rpartition(".")[0]
            found.add(key)
    return {key: graph for key, graph in flat.graphs.items() if key in found}


class _Scope:
    """The inside of a pipeline, or of a graph in its place, where feeds are stated by the names of what is beside it.

    Args:
        prefix: of the keys of what is in it.
        nodes: what is in it.
        graph: the graph; None for the pipeline.
        chosen: the keys of the solids that are wanted; None for all.
    """

    def __init__(
        self, prefix: str, nodes: PlacedNodes, graph: PlacedGraph | None, chosen: Collection[str] | None
    ) -> None:
        self._prefix, self._nodes, self._graph, self._chosen = prefix, nodes, graph, chosen

    def walk(self) -> Iterator[tuple[_Scope, Node]]:
        """What is in it, each after those that feed it."""
        return ((self, node) for node in self._nodes.ordered)

    def key_of(self, name: str) -> str:
        """The key of what has this name in it."""
        return f"{self._prefix}{name}"

    def own_and_around(
        self, node: Node, own_policy: RetryPolicy | None
    ) -> tuple[frozenset[HookDefinition], RetryPolicy | None]:
        """The hooks of what is in it, with those of the graphs around it; and its retry policy, or theirs."""
        if self._graph is None:
            return node.hook_defs, own_policy
        return node.hook_defs | self._graph.hook_defs, own_policy or self._graph.retry_policy

    def given(self, node: Node, input_name: str) -> Given | None:
        """What gives an input of what is in it; None where it is up to its own default, or its own run config."""
        feed = node.feeds.get(input_name)
        if isinstance(feed, DependencyDefinition):
            return self._source(feed)
        if isinstance(feed, MultiDependencyDefinition):
            items = [
                self._source(item) if isinstance(item, DependencyDefinition) else self._item(node, input_name, index)
                for index, item in enumerate(feed.items)
            ]
            left = [each for each in items if each is not None]
            return MultiDependencyDefinition(left) if left or not items else None
        return self._from_graph(node, input_name, None)

    def _source(self, dependency: DependencyDefinition) -> DependencyDefinition | None:
        """The solid that gives an output of what is in it: that of a graph is given by a solid in the graph."""
        name, output, prefix = dependency.solid, dependency.output, self._prefix
        definition = self._nodes.by_name[name].definition
        while isinstance(definition, GraphDefinition):
            prefix = f"{prefix}{name}."
            name, output = definition.source_of_output(output)
            definition = definition.nodes.by_name[name].definition
        key = f"{prefix}{name}"
        return type(dependency)(key, output) if self._chosen is None or key in self._chosen else None

    def _item(self, node: Node, input_name: str, index: int) -> DependencyDefinition | None:
        given = self._from_graph(node, input_name, index)
        if isinstance(given, DependencyDefinition) and not isinstance(given, DynamicCollectDependencyDefinition):
            return given
        if self._chosen is not None and isinstance(given, GraphInput):
            return None
        assert self._graph is not None
        graph_input = self._graph.definition.source_of_input((node.name, input_name, index))
        but = "no solid feeds it" if isinstance(given, GraphInput) else "several values feed it"
        raise DagsterInvalidDefinitionError(
            f"Input {graph_input!r} of {self._graph.key!r} gives one item of the list that input {input_name!r} of "
            f"solid {node.name!r} takes, and {but}. Feed it from one solid."
        )

    def _from_graph(self, node: Node, input_name: str, index: int | None) -> Given | None:
        """What gives the input of the graph that is mapped to an input of what is in it."""
        if self._graph is None:
            return None
        name = self._graph.definition.source_of_input((node.name, input_name, index))
        if name is None:
            return None
        given = self._graph.given.get(name)
        if given is None:
            given = GraphInput(self._graph.key, name).or_default_of(self._graph.definition.input_dict[name])
        return given.or_default_of(node.definition.input_dict[input_name]) if isinstance(given, GraphInput) else given
