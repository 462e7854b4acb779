"""Which outputs feed which inputs in a pipeline or graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from core.arguments import check_fields, checked_arguments
from core.definitions.graphs.node import NodeDefinition
from core.definitions.hook import HookDefinition, hook_set
from core.definitions.parts.input_output import NO_VALUE, InputDefinition
from core.definitions.parts.retry_policy import RetryPolicy
from core.definitions.solid import SolidDefinition
from core.events.user_events import DEFAULT_OUTPUT


class DependencyDefinition(msgspec.Struct, frozen=True):
    """An input is fed by one output.

    Attributes:
        solid: the name or alias of the solid that feeds it.
        output: the output.
        description: for people.

    Example:
        >>> from core import PipelineDefinition, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> add = lambda_solid(name="add")(lambda number: number + 1)
        >>> PipelineDefinition([one, add], "sum", dependencies={"add": {"number": DependencyDefinition("one")}})
        <PipelineDefinition 'sum' of 2 solids: one, add>
    """

    solid: str
    output: str = DEFAULT_OUTPUT
    description: str | None = None

    def __post_init__(self) -> None:
        check_fields(self, "a DependencyDefinition")


class DynamicCollectDependencyDefinition(DependencyDefinition, frozen=True):
    """An input is fed by a list: all values of a dynamic output, or what a solid gives that is mapped over one."""


class MappedInputPlaceholder:
    """Stands, itself, in a MultiDependencyDefinition for an item that an input of the graph gives."""


class MultiDependencyDefinition:
    """An input is fed by the outputs of several solids, as a list in this order.

    Args:
        dependencies: one for each item of the list. In a graph, `MappedInputPlaceholder` stands for an item to which an
            input of the graph is mapped.

    Raises:
        DagsterInvalidDefinitionError: something else is among them.

    Example:
        >>> from core import DependencyDefinition, MultiDependencyDefinition, PipelineDefinition
        >>> from core import execute_pipeline, lambda_solid
        >>> one, two = lambda_solid(name="one")(lambda: 1), lambda_solid(name="two")(lambda: 2)
        >>> total = lambda_solid(name="total")(lambda numbers: sum(numbers))
        >>> numbers = MultiDependencyDefinition([DependencyDefinition("one"), DependencyDefinition("two")])
        >>> sums = PipelineDefinition([one, two, total], "sums", dependencies={"total": {"numbers": numbers}})
        >>> execute_pipeline(sums).output_for_solid("total")
        3
    """

    @checked_arguments("a MultiDependencyDefinition")
    def __init__(self, dependencies: Sequence[DependencyDefinition | type[MappedInputPlaceholder]]) -> None:
        self.items = tuple(dependencies)
        self.dependencies = tuple(each for each in self.items if isinstance(each, DependencyDefinition))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items)!r})"


Feed = DependencyDefinition | MultiDependencyDefinition


class SolidInvocation:
    """A solid or graph placed in a pipeline or graph; a key of `PipelineDefinition(dependencies=...)`.

    Args:
        name: of its definition.
        alias: the name it has in the pipeline; its own by default.
        tags: added to those of its definition.
        hook_defs: hooks of its step, besides those of the pipeline; of a graph, of each step in it.
        retry_policy: takes the place of its definition's; of a graph, it is for solids in it that have none.

    Attributes:
        place: the file and line of the call that placed it; "" where it was not a call.

    Example:
        >>> from core import DependencyDefinition, PipelineDefinition, SolidInvocation, execute_pipeline, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> add = lambda_solid(name="add")(lambda number: number + 1)
        >>> added_twice = {
        ...     "add": {"number": DependencyDefinition("one")},
        ...     SolidInvocation("add", alias="again"): {"number": DependencyDefinition("add")},
        ... }
        >>> execute_pipeline(PipelineDefinition([one, add], "sums", dependencies=added_twice)).output_for_solid("again")
        3
    """

    place = ""

    @checked_arguments("solid")
    def __init__(
        self,
        name: str,
        alias: str | None = None,
        tags: Mapping[str, str] | None = None,
        hook_defs: Iterable[HookDefinition] | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.name = name
        self.alias = alias
        self.tags = dict(tags or {})
        self.hook_defs = hook_set(hook_defs, f"solid {name!r}")
        self.retry_policy = retry_policy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name!r}{f' as {self.alias!r}' if self.alias else ''}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SolidInvocation) and (other.name, other.alias) == (self.name, self.alias)

    def __hash__(self) -> int:
        return hash((self.name, self.alias))


class Node:
    """A solid or graph in its place in a pipeline or graph.

    Hooks and retry policy are those that it has in its place alone, besides or before those of others.

    Args:
        name: there.
        definition: what is placed.
        tags: of the definition and of the place.
        feeds: what feeds its inputs, by the names of those beside it.
        hook_defs: its hooks.
        retry_policy: its retry policy.
        place: the file and line of the call that placed it, if it was a call.
    """

    def __init__(
        self,
        name: str,
        definition: NodeDefinition,
        tags: Mapping[str, str],
        feeds: Mapping[str, Feed],
        hook_defs: frozenset[HookDefinition] = frozenset(),
        retry_policy: RetryPolicy | None = None,
        place: str = "",
    ) -> None:
        self.name = name
        self.definition = definition
        self.tags = dict(tags)
        self.feeds = dict(feeds)
        self.hook_defs = hook_defs
        self.retry_policy = retry_policy
        self.place = place

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {self.definition!r}>"

    def upstream(self) -> list[DependencyDefinition]:
        """Every output that feeds an input of it, in order of the inputs."""
        return [each for name in self.feeds for each in self.upstream_of(name)]

    def upstream_of(self, input_name: str) -> Sequence[DependencyDefinition]:
        """The outputs that feed one of its inputs: one, or those of a fan-in."""
        feed = self.feeds[input_name]
        return feed.dependencies if isinstance(feed, MultiDependencyDefinition) else [feed]

    def is_fan_in(self, input_name: str) -> bool:
        """Whether one of its inputs takes a list from several solids."""
        return isinstance(self.feeds[input_name], MultiDependencyDefinition)


class GraphInput(NamedTuple):
    """An input of a placed graph that no output feeds: its value comes from run config, or is a default.

    Attributes:
        key: where the graph is placed, as `outer.inner`.
        name: the input.
        default: the value where the run config gives none; NO_VALUE where there is no default.
    """

    key: str
    name: str
    default: Any = NO_VALUE

    def or_default_of(self, definition: InputDefinition) -> GraphInput:
        """The same on its way to another input, whose default counts where there is none yet."""
        if self.default is not NO_VALUE or not definition.has_default_value:
            return self
        return GraphInput(self.key, self.name, definition.default_value)


class Solid(Node):
    """A solid in its place, which becomes a step of each run: however deep in graphs, it is fed by such solids.

    Args:
        name: in the graph around it.
        definition: the solid.
        tags: of the definition and of the place.
        feeds: what feeds its inputs, by the keys of solids.
        key: in the pipeline: the names of the graphs around it and its own, as `outer.inner`; the name by default.
        graph_inputs: its inputs that are given by an input of a graph around it which no output feeds.
        hook_defs: its hooks, and those of the graphs around it.
        retry_policy: its retry policy; where it and its definition have none, that of the nearest graph that has one.
        place: the file and line of the call that placed it, if it was a call.

    Attributes:
        root_manager_keys: the root input manager of each input that one loads, since no solid feeds it.
    """

    definition: SolidDefinition

    def __init__(
        self,
        name: str,
        definition: SolidDefinition,
        tags: Mapping[str, str],
        feeds: Mapping[str, Feed],
        hook_defs: frozenset[HookDefinition] = frozenset(),
        retry_policy: RetryPolicy | None = None,
        place: str = "",
        key: str | None = None,
        graph_inputs: Mapping[str, GraphInput] | None = None,
    ) -> None:
        super().__init__(name, definition, tags, feeds, hook_defs, retry_policy, place)
        self.key = name if key is None else key
        self.graph_inputs = dict(graph_inputs or {})
        self.root_manager_keys: dict[str, str] = {
            each.name: each.root_manager_key
            for each in definition.input_defs
            if each.root_manager_key is not None and each.name not in self.feeds
        }
