"""What happens when the body of a `@pipeline` function calls solids: it places them and records who feeds whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from core.definitions.configurable import check_name
from core.definitions.dependency import DependencyDefinition, Feed, MultiDependencyDefinition, SolidInvocation
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags


class PlacedOutput(msgspec.Struct, frozen=True):
    """What a call of a solid gives in the body of a pipeline: one output of the placed solid."""

    solid_name: str
    output_name: str

    def __bool__(self) -> bool:
        raise DagsterInvariantViolationError(
            f"The body of a pipeline asks whether output {self.output_name!r} of solid {self.solid_name!r} is true, "
            "but its value is known only when the pipeline runs. To run a solid or not, give the one before it an "
            "output with is_required=False, and yield it or not."
        )

    def __iter__(self) -> Iterator[Any]:
        raise DagsterInvariantViolationError(
            f"Output {self.output_name!r} of solid {self.solid_name!r} is a single output and cannot be taken apart "
            "in the body of a pipeline; its value is known only when the pipeline runs."
        )


class PlacedOutputs:
    """What a call of a solid with several outputs gives: taken apart in order, or by name as attributes."""

    def __init__(self, solid_name: str, output_names: list[str]) -> None:
        self._solid_name = solid_name
        self._outputs = {name: PlacedOutput(solid_name, name) for name in output_names}

    def __iter__(self) -> Iterator[PlacedOutput]:
        return iter(self._outputs.values())

    def __getattr__(self, name: str) -> PlacedOutput:
        try:
            return self._outputs[name]
        except KeyError:
            known = ", ".join(self._outputs)
            raise AttributeError(f"Solid {self._solid_name!r} has no output {name!r}; it has {known}.") from None


class CompositionCall:
    """A solid about to be placed, under its own name or an alias, with tags of its own."""

    def __init__(self, definition: Any, given_alias: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        self.definition = definition
        self.given_alias = given_alias
        self.tags = dict(tags or {})

    def alias(self, name: str) -> CompositionCall:
        """The same under another name."""
        return CompositionCall(self.definition, check_name(name, "solid"), self.tags)

    def tag(self, tags: Mapping[str, Any]) -> CompositionCall:
        """The same with more tags."""
        return CompositionCall(
            self.definition, self.given_alias, {**self.tags, **normalize_tags(tags, f"solid {self.definition.name!r}")}
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return compose_call(self, args, kwargs)


class Composition:
    """The solids placed so far in one pipeline, and their dependencies."""

    def __init__(self, pipeline_name: str) -> None:
        self._pipeline_name = pipeline_name
        self.definitions: dict[str, Any] = {}
        self.dependencies: dict[SolidInvocation, dict[str, Feed]] = {}
        self._names: set[str] = set()

    def place(self, call: CompositionCall, inputs: dict[str, Feed]) -> str:
        """Adds a solid; returns the name it is placed under."""
        definition = call.definition
        if self.definitions.setdefault(definition.name, definition) is not definition:
            raise DagsterInvalidDefinitionError(
                f"Pipeline {self._pipeline_name!r} uses two different solids called {definition.name!r}; rename one."
            )
        name = call.given_alias or self._free_name(definition.name)
        if name in self._names:
            raise DagsterInvalidDefinitionError(
                f"Pipeline {self._pipeline_name!r} uses the name {name!r} for two solids; give one another alias."
            )
        self._names.add(name)
        alias = None if name == definition.name else name
        self.dependencies[SolidInvocation(definition.name, alias, call.tags)] = inputs
        return name

    def _free_name(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        return candidate


_active = threading.local()


@contextmanager
def composing(pipeline_name: str) -> Iterator[Composition]:
    """Within it, calls of solids are placed in the composition that it gives."""
    before = getattr(_active, "composition", None)
    _active.composition = Composition(pipeline_name)
    try:
        yield _active.composition
    finally:
        _active.composition = before


def compose_call(call: CompositionCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Places a solid in the pipeline whose body is being run, fed by the given outputs.

    Raises:
        DagsterInvariantViolationError: no pipeline's body is being run.
        DagsterInvalidDefinitionError: an argument is no output, or fits no input.
    """
    composition: Composition | None = getattr(_active, "composition", None)
    definition = call.definition
    if composition is None:
        raise DagsterInvariantViolationError(
            f"Solid {definition.name!r} was called outside the body of a @pipeline function. Call it there, and run "
            "the pipeline with execute_pipeline."
        )
    names = [each.name for each in definition.input_defs]
    if len(args) > len(names):
        raise DagsterInvalidDefinitionError(
            f"Solid {definition.name!r} has {len(names)} inputs and was given {len(args)} arguments."
        )
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in given:
            problem = "twice" if name in given else "but it is none of its inputs"
            known = ", ".join(names) or "none"
            raise DagsterInvalidDefinitionError(
                f"Solid {definition.name!r} was given {name!r} {problem}. Its inputs: {known}."
            )
        given[name] = value
    inputs = {name: _feed(definition.name, name, value) for name, value in given.items()}
    placed_name = composition.place(call, inputs)
    outputs = [each.name for each in definition.output_defs]
    return PlacedOutput(placed_name, outputs[0]) if len(outputs) == 1 else PlacedOutputs(placed_name, outputs)


def _feed(solid_name: str, input_name: str, value: Any) -> Feed:
    if isinstance(value, PlacedOutput):
        return DependencyDefinition(value.solid_name, value.output_name)
    if isinstance(value, list | tuple) and value and all(isinstance(item, PlacedOutput) for item in value):
        return MultiDependencyDefinition([DependencyDefinition(item.solid_name, item.output_name) for item in value])
    what = "a solid with several outputs; pick one" if isinstance(value, PlacedOutputs) else f"a {type(value).__name__}"
    raise DagsterInvalidDefinitionError(
        f"Input {input_name!r} of solid {solid_name!r} was given {what}. In the body of a pipeline an input is fed by "
        "an output of another solid, or a list of them; constants come from config or default values."
    )
