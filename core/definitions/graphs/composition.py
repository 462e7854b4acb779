"""What happens when the body of a decorated function calls solids: they are placed, with what feeds their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.definitions.dependency import (
    DependencyDefinition,
    DynamicCollectDependencyDefinition,
    Feed,
    MappedInputPlaceholder,
    MultiDependencyDefinition,
    SolidInvocation,
)
from core.definitions.graphs.node import CompositionCall, NodeDefinition, SolidComposer, composer
from core.definitions.graphs.placed import (
    GivenInput,
    PlacedCollection,
    PlacedDynamicOutput,
    PlacedOutput,
    PlacedOutputs,
    caller,
)
from core.definitions.parts.configurable import beginning
from core.definitions.parts.input_output import FanInInputPointer, InputPointer
from core.errors import DagsterInvalidDefinitionError
from core.wording import a_kind_of, counted


class Composition(SolidComposer):
    """What was placed so far in the body of one pipeline or graph, and what feeds it.

    Args:
        kind: of what the body is of, as "pipeline".
        name: of it.

    Attributes:
        definitions: of what was placed, by name.
        dependencies: what feeds it.
        mapped: to which inputs each input of the graph was given.
    """

    def __init__(self, kind: str, name: str) -> None:
        self.described = f"{kind} {name!r}"
        self.definitions: dict[str, NodeDefinition] = {}
        self.dependencies: dict[SolidInvocation, dict[str, Feed]] = {}
        self.mapped: list[tuple[str, InputPointer | FanInInputPointer]] = []
        self._names: dict[str, int] = {}  # those that are taken, with the last number that was tried after each

    def place(
        self, call: CompositionCall, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> PlacedOutput | PlacedDynamicOutput | PlacedOutputs:
        definition = call.definition
        given = _given_inputs(definition, args, kwargs)
        feeds = {name: self._feed(definition.name, name, value) for name, value in given.items()}
        placed_name = self._placed(call, {name: feed for name, feed in feeds.items() if feed is not None})
        for name, value in given.items():
            self._map(placed_name, name, value)
        outputs = {
            each.name: (PlacedDynamicOutput if each.is_dynamic else PlacedOutput)(self, placed_name, each.name)
            for each in definition.output_defs
        }
        return next(iter(outputs.values())) if len(outputs) == 1 else PlacedOutputs(placed_name, outputs)

    def _placed(self, call: CompositionCall, inputs: dict[str, Feed]) -> str:
        definition = call.definition
        if self.definitions.setdefault(definition.name, definition) is not definition:
            raise self._refused(f"uses two different solids called {definition.name!r}; rename one.")
        name = call.given_alias or self._free_name(definition.name)
        if name in self._names:
            raise self._refused(f"uses the name {name!r} for two solids; give one of them another alias.")
        self._names[name] = 1
        alias = None if name == definition.name else name
        invocation = SolidInvocation(definition.name, alias, call.tags, call.hook_defs, call.retry_policy)
        invocation.place = caller()
        self.dependencies[invocation] = inputs
        return name

    def _free_name(self, name: str) -> str:
        candidate = name
        while candidate in self._names:
            self._names[name] += 1
            candidate = f"{name}_{self._names[name]}"
        return candidate

    def _feed(self, solid_name: str, input_name: str, value: Any) -> Feed | None:
        """What feeds an input; None where that is an input of the graph."""
        if isinstance(value, PlacedOutput):
            return self._dependency(value)
        if isinstance(value, GivenInput):
            self.check_home(value)
            return None
        if _is_fan_in(value) and not any(isinstance(each, PlacedCollection) for each in value):
            items = [self._dependency(each) if isinstance(each, PlacedOutput) else each for each in value]
            return MultiDependencyDefinition(
                [each if isinstance(each, DependencyDefinition) else MappedInputPlaceholder for each in items]
            )
        what = a_kind_of(value)
        if isinstance(value, NodeDefinition):
            what = f"{value.described[0].lower()}{value.described[1:]} itself; call it: {value.name}(...)"
        if isinstance(value, PlacedOutputs):
            what = "a solid with several outputs; pick one"
        if _is_fan_in(value):
            what = "a list with an item that collect() makes a list"
        dynamic = next((each for each in _items(value) if isinstance(each, PlacedDynamicOutput)), None)
        if dynamic is not None:
            raise DagsterInvalidDefinitionError(
                f"Input {input_name!r} of solid {solid_name!r} was given the dynamic output {dynamic.output_name!r} of "
                f"solid {dynamic.solid_name!r} as it is, at {caller()}. Use map(), for each value, or collect(), for "
                "a list of all."
            )
        raise DagsterInvalidDefinitionError(
            f"Input {input_name!r} of solid {solid_name!r} was given {what}. In the body of a pipeline an input is fed "
            "by an output of another solid, or by a list of them; constants come from config or default values."
        )

    def _map(self, solid_name: str, input_name: str, value: Any) -> None:
        if isinstance(value, GivenInput):
            self.mapped.append((value.name, InputPointer(solid_name, input_name)))
        for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
            if isinstance(item, GivenInput):
                self.check_home(item)
                self.mapped.append((item.name, FanInInputPointer(solid_name, input_name, index)))

    def _dependency(self, output: PlacedOutput) -> DependencyDefinition:
        self.check_home(output)
        if isinstance(output, PlacedCollection):
            return DynamicCollectDependencyDefinition(output.solid_name, output.output_name)
        return DependencyDefinition(output.solid_name, output.output_name)

    def check_home(self, found: PlacedOutput | PlacedDynamicOutput | GivenInput) -> None:
        """Raises DagsterInvalidDefinitionError for what is of the body of another pipeline or graph."""
        if found.home is not self:
            what = (
                f"output of solid {found.solid_name!r}"
                if not isinstance(found, GivenInput)
                else f"input {found.name!r}"
            )
            raise self._refused(
                f"uses the {what} of {found.home.described}, which is not known in it. Give it the graph as an input."
            )

    def _refused(self, why: str) -> DagsterInvalidDefinitionError:
        return DagsterInvalidDefinitionError(f"{beginning(self.described)} {why}")


@contextmanager
def composing(kind: str, name: str) -> Iterator[Composition]:
    """Within it, calls of solids in this thread are placed in the composition that it gives."""
    composition = Composition(kind, name)
    token = composer.set(composition)
    try:
        yield composition
    finally:
        composer.reset(token)


def _given_inputs(definition: NodeDefinition, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = [each.name for each in definition.input_defs]
    if len(args) > len(names):
        raise DagsterInvalidDefinitionError(
            f"{definition.described} has {counted(len(names), 'input')} and was given {counted(len(args), 'argument')}."
        )
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            known = ", ".join(names) or "none"
            raise DagsterInvalidDefinitionError(
                f"{definition.described} has no input {name!r}, which it was given. Its inputs: {known}."
            )
        if name in given:
            raise DagsterInvalidDefinitionError(
                f"{definition.described} was given its input {name!r} twice, by position and by name."
            )
        given[name] = value
    return given


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _is_fan_in(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, PlacedOutput | GivenInput) for each in value)
    )
