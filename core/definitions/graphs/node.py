"""What is placed in a pipeline, by calling it there: solids, and graphs of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from core.config import unknown_name
from core.definitions.hook import HookDefinition, hook_set
from core.definitions.parts.configurable import ConfigSchema, ConfigurableDefinition, beginning, check_name, items_of
from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.definitions.parts.retry_policy import RetryPolicy, checked_policy
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags


class NodeDefinition(ConfigurableDefinition):
    """Base of what has inputs and outputs, and a place in a pipeline.

    Args:
        name: unique among those beside it.
        kind: what it is called in messages, such as "solid".
        input_defs: in order.
        output_defs: in order.
        config_schema: of its config.
        description: for people.
        tags: string to string, or to what JSON can hold.

    Raises:
        DagsterInvalidDefinitionError: the name is not one, or two inputs or two outputs have the same.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        input_defs: Sequence[InputDefinition],
        output_defs: Sequence[OutputDefinition],
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(check_name(name, kind), config_schema, description, kind)
        self.input_defs = items_of(input_defs, InputDefinition, f"input_defs of {kind} {name!r}")
        self.output_defs = items_of(output_defs, OutputDefinition, f"output_defs of {kind} {name!r}")
        self.tags = normalize_tags(tags, f"{kind} {name!r}")
        self.input_dict = {definition.name: definition for definition in self.input_defs}
        self.output_dict = {definition.name: definition for definition in self.output_defs}
        if len(self.input_dict) < len(self.input_defs) or len(self.output_dict) < len(self.output_defs):
            raise DagsterInvalidDefinitionError(
                f"{self.described} has two inputs or two outputs of the same name; rename one."
            )

    def has_input(self, name: str) -> bool:
        """Whether it has an input of that name."""
        return name in self.input_dict

    def input_def_named(self, name: str) -> InputDefinition:
        """The input of that name; raises DagsterInvariantViolationError where there is none."""
        if name not in self.input_dict:
            raise DagsterInvariantViolationError(f"{self.described}: {unknown_name('input', name, self.input_dict)}")
        return self.input_dict[name]

    def has_output(self, name: str) -> bool:
        """Whether it has an output of that name."""
        return name in self.output_dict

    def output_def_named(self, name: str) -> OutputDefinition:
        """The output of that name; raises DagsterInvariantViolationError where there is none."""
        if name not in self.output_dict:
            raise DagsterInvariantViolationError(f"{self.described}: {unknown_name('output', name, self.output_dict)}")
        return self.output_dict[name]

    @property
    def described(self) -> str:
        """str: what begins a message about it, such as "Solid 'clean'"."""
        return beginning(f"{self._kind} {self.name!r}")

    def __repr__(self) -> str:
        inputs = ", ".join(f"{each.name}: {each.dagster_type.display_name}" for each in self.input_defs)
        outputs = ", ".join(f"{each.name}: {each.dagster_type.display_name}" for each in self.output_defs)
        return f"<{type(self).__name__} {self.name!r} ({inputs}) -> ({outputs})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """In the body of a pipeline or graph: places it there, fed by the given outputs of others.

        Elsewhere, in a test: calls the function of a solid.
        """
        return CompositionCall(self)(*args, **kwargs)

    def called_outside(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What a call does that is not in the body of a pipeline or graph.

        Raises:
            DagsterInvariantViolationError: it has no function that could be called.
        """
        raise DagsterInvariantViolationError(
            f"{self.described} was called outside the body of a @pipeline function. Call it there, and run the "
            "pipeline with execute_pipeline."
        )

    def alias(self, name: str) -> CompositionCall:
        """To place it under another name: `clean.alias("clean_again")(rows)`."""
        return CompositionCall(self).alias(name)

    def tag(self, tags: Mapping[str, Any]) -> CompositionCall:
        """To place it with more tags."""
        return CompositionCall(self).tag(tags)

    def with_hooks(self, hook_defs: Iterable[HookDefinition]) -> CompositionCall:
        """To place it with hooks, of each step in it: `clean.with_hooks({tell_me})(rows)`."""
        return CompositionCall(self).with_hooks(hook_defs)

    def with_retry_policy(self, retry_policy: RetryPolicy) -> CompositionCall:
        """To place it with a retry policy, in place of that of a solid; of a graph, for those in it without one."""
        return CompositionCall(self).with_retry_policy(retry_policy)


class CompositionCall:
    """A solid or graph about to be placed, under its own name or an alias, with what it has there alone."""

    def __init__(self, definition: NodeDefinition) -> None:
        self.definition = definition
        self.given_alias: str | None = None
        self.tags: dict[str, str] = {}
        self.hook_defs: frozenset[HookDefinition] = frozenset()
        self.retry_policy: RetryPolicy | None = None

    def alias(self, name: str) -> CompositionCall:
        """The same under another name."""
        return self._with("given_alias", check_name(name, "solid"))

    def tag(self, tags: Mapping[str, Any]) -> CompositionCall:
        """The same with more tags."""
        return self._with("tags", {**self.tags, **normalize_tags(tags, self._described)})

    def with_hooks(self, hook_defs: Iterable[HookDefinition]) -> CompositionCall:
        """The same with more hooks."""
        return self._with("hook_defs", self.hook_defs | hook_set(hook_defs, self._described))

    def with_retry_policy(self, retry_policy: RetryPolicy) -> CompositionCall:
        """The same with this retry policy in place of another."""
        return self._with("retry_policy", checked_policy(retry_policy, self._described))

    @property
    def _described(self) -> str:
        return f"solid {self.definition.name!r}"

    def _with(self, name: str, value: object) -> CompositionCall:
        changed = CompositionCall(self.definition)
        vars(changed).update(vars(self), **{name: value})
        return changed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Places it, fed by the given outputs; see `SolidComposer.place`. Outside a body, calls a solid's function."""
        active = composer.get()
        return self.definition.called_outside(args, kwargs) if active is None else active.place(self, args, kwargs)


class SolidComposer(ABC):
    """Takes the calls of solids and graphs in the body of a decorated function."""

    @abstractmethod
    def place(self, call: CompositionCall, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Adds a solid or graph, fed by the given outputs of others.

        Returns:
            What stands for its outputs in the body.

        Raises:
            DagsterInvalidDefinitionError: an argument is not an output, or does not fit an input.
        """


composer: ContextVar[SolidComposer | None] = ContextVar("composer", default=None)
"""The composer of the pipeline or graph whose body is running in this thread."""
