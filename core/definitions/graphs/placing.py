"""Solids and graphs in their places in a pipeline or graph, and the order that what feeds them allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.config import unknown_name
from core.definitions.dependency import DependencyDefinition, Feed, MultiDependencyDefinition, Node, SolidInvocation
from core.definitions.graphs.node import NodeDefinition
from core.definitions.parts.configurable import beginning, mapping_of
from core.errors import DagsterInvalidDefinitionError
from core.wording import a_kind_of

Dependencies = Mapping[Any, Mapping[str, Feed]]
"""Solid name or SolidInvocation -> input name -> what feeds it."""


class PlacedNodes:
    """The nodes of one pipeline or graph.

    Args:
        kind: of what they are in, as "pipeline".
        name: of what they are in.
        definitions: every solid and graph that `dependencies` names.
        dependencies: for each node, what feeds its inputs.

    Attributes:
        by_name: in the order they were placed.
        ordered: in an order in which each comes after those that feed it.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together; the message says which.
    """

    def __init__(self, kind: str, name: str, definitions: Sequence[NodeDefinition], dependencies: Dependencies) -> None:
        self._inside = f"{kind} {name!r}"
        self.by_name = self._place(definitions, dependencies)
        self._check_feeds()
        self.ordered = self._topological_order()

    @property
    def _where(self) -> str:
        return beginning(self._inside)

    def _place(self, given: Sequence[NodeDefinition], dependencies: Dependencies) -> dict[str, Node]:
        definitions: dict[str, NodeDefinition] = {}
        for definition in given:
            if not isinstance(definition, NodeDefinition):
                raise DagsterInvalidDefinitionError(
                    f"{self._where} was given {a_kind_of(definition)} as a solid. Decorate the function with @solid."
                )
            if definitions.setdefault(definition.name, definition) is not definition:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} has two different solids called {definition.name!r}; rename one."
                )
        placed: dict[str, Node] = {}
        unplaced = dict(definitions)
        for key, feeds in dependencies.items():
            invocation = key if isinstance(key, SolidInvocation) else SolidInvocation(key)
            placed_def = definitions.get(invocation.name)
            if placed_def is None:
                raise DagsterInvalidDefinitionError(
                    f"Dependencies of {self._inside}: {unknown_name('solid', invocation.name, definitions)}"
                )
            unplaced.pop(invocation.name, None)
            name = invocation.alias or invocation.name
            for input_name, feed in mapping_of(feeds, f"dependencies of solid {name!r} in {self._inside}").items():
                if not isinstance(feed, DependencyDefinition | MultiDependencyDefinition):
                    raise DagsterInvalidDefinitionError(
                        f"Input {input_name!r} of solid {name!r} in {self._inside} is fed by {a_kind_of(feed)}; write "
                        "DependencyDefinition(SOLID), or MultiDependencyDefinition([...])."
                    )
            if name in placed:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} uses the name {name!r} for two solids; give one of them another alias."
                )
            placed[name] = Node(
                name,
                placed_def,
                {**placed_def.tags, **invocation.tags},
                feeds,
                invocation.hook_defs,
                invocation.retry_policy,
                invocation.place,
            )
        for definition in unplaced.values():
            placed[definition.name] = Node(definition.name, definition, definition.tags, {})
        return placed

    def _check_feeds(self) -> None:
        for node in self.by_name.values():
            where = f"{self._where}, solid {node.name!r}"
            for input_name in node.feeds:
                if input_name not in node.definition.input_dict:
                    raise DagsterInvalidDefinitionError(
                        f"{where}: {unknown_name('input', input_name, node.definition.input_dict)}"
                    )
            for source in node.upstream():
                if source.solid not in self.by_name:
                    raise DagsterInvalidDefinitionError(f"{where}: {unknown_name('solid', source.solid, self.by_name)}")
                outputs = self.by_name[source.solid].definition.output_dict
                if source.output not in outputs:
                    raise DagsterInvalidDefinitionError(
                        f"{where} is fed by solid {source.solid!r}: {unknown_name('output', source.output, outputs)}"
                    )

    def _topological_order(self) -> list[Node]:
        waiting = {name: {source.solid for source in node.upstream()} for name, node in self.by_name.items()}
        dependents: dict[str, list[str]] = {}
        for name, sources in waiting.items():
            for source in sources:
                dependents.setdefault(source, []).append(name)
        ready = [name for name, sources in waiting.items() if not sources]
        ordered: list[Node] = []
        for name in ready:  # grows while it is walked
            ordered.append(self.by_name[name])
            for dependent in dependents.get(name, []):
                waiting[dependent].discard(name)
                if not waiting[dependent]:
                    ready.append(dependent)
        if len(ordered) < len(self.by_name):
            cycle = ", ".join(sorted(name for name, sources in waiting.items() if sources))
            raise DagsterInvalidDefinitionError(f"{self._where} has a cycle among the solids {cycle}.")
        return ordered
