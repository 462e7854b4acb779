"""Which outputs feed which inputs in a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.definitions.hook import HookDefinition, hook_set
from core.definitions.retry_policy import RetryPolicy, checked_policy
from core.definitions.solid import SolidDefinition
from core.events.user_events import DEFAULT_OUTPUT


class DependencyDefinition(msgspec.Struct, frozen=True):
    """An input is fed by one output.

    Attributes:
        solid: the name or alias of the solid that feeds it.
        output: the output.
        description: for people.
    """

    solid: str
    output: str = DEFAULT_OUTPUT
    description: str | None = None


class MultiDependencyDefinition:
    """An input is fed by the outputs of several solids, as a list in this order.

    Args:
        dependencies: one for each item of the list.
    """

    def __init__(self, dependencies: Sequence[DependencyDefinition]) -> None:
        self.dependencies = tuple(dependencies)


Feed = DependencyDefinition | MultiDependencyDefinition


class SolidInvocation:
    """A solid placed in a pipeline; a key of `PipelineDefinition(dependencies=...)`.

    Args:
        name: of the SolidDefinition.
        alias: the name it has in the pipeline; its own by default.
        tags: added to those of its definition.
        hook_defs: hooks of its step, besides those of the pipeline.
        retry_policy: takes the place of its definition's.
    """

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
        self.retry_policy = checked_policy(retry_policy, f"solid {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SolidInvocation) and (other.name, other.alias) == (self.name, self.alias)

    def __hash__(self) -> int:
        return hash((self.name, self.alias))


class Solid:
    """A solid in its place in a pipeline: its name there, its definition, its tags, and what feeds its inputs.

    Hooks and retry policy are those that it has in its place alone, besides or before those of others.
    """

    def __init__(
        self,
        name: str,
        definition: SolidDefinition,
        tags: Mapping[str, str],
        feeds: Mapping[str, Feed],
        hook_defs: frozenset[HookDefinition] = frozenset(),
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.name = name
        self.definition = definition
        self.tags = dict(tags)
        self.feeds = dict(feeds)
        self.hook_defs = hook_defs
        self.retry_policy = retry_policy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} of {self.definition!r}>"

    @property
    def root_manager_keys(self) -> dict[str, str]:
        """dict[str, str]: the root input manager of each input that one loads, since no solid feeds it."""
        return {
            each.name: each.root_manager_key
            for each in self.definition.input_defs
            if each.root_manager_key is not None and each.name not in self.feeds
        }

    def upstream(self) -> list[DependencyDefinition]:
        """Every output that feeds an input of it, in order of the inputs."""
        return [each for name in self.feeds for each in self.upstream_of(name)]

    def upstream_of(self, input_name: str) -> Sequence[DependencyDefinition]:
        """The outputs that feed one of its inputs: one, or those of a fan-in."""
        feed = self.feeds[input_name]
        return feed.dependencies if isinstance(feed, MultiDependencyDefinition) else [feed]
