"""What happens when the body of a decorated function calls solids: they are placed, with what feeds their inputs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from core.definitions.input_output import FanInInputPointer, InputPointer
from core.definitions.node import CompositionCall, NodeDefinition, SolidComposer, composer
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError


class PlacedOutput:
    """What a call of a solid returns in the body of a pipeline or graph: one output of the placed solid.

    Args:
        home: where it was placed.
        solid_name: as it is called there.
        output_name: its output.
    """

    def __init__(self, home: Composition, solid_name: str, output_name: str) -> None:
        self.home, self.solid_name, self.output_name = home, solid_name, output_name

    def __bool__(self) -> bool:
        raise DagsterInvariantViolationError(
            f"The body of {self.home.described} asks whether output {self.output_name!r} of solid {self.solid_name!r} "
            "is true, but its value is known only when the pipeline runs. To run a solid only sometimes, give the "
            "solid before it an output with is_required=False, and yield that output only then."
        )

    def __iter__(self) -> Iterator[Any]:
        raise DagsterInvariantViolationError(
            f"Output {self.output_name!r} of solid {self.solid_name!r} is a single output and cannot be unpacked "
            f"in the body of {self.home.described}, because its value is known only when the pipeline runs."
        )


class PlacedDynamicOutput:
    """What stands for a dynamic output in a body, and for an output of what was placed for each of its values.

    Args:
        home: where it was placed.
        solid_name: as it is called there.
        output_name: its output.
    """

    def __init__(self, home: Composition, solid_name: str, output_name: str) -> None:
        self.home, self.solid_name, self.output_name = home, solid_name, output_name

    def map(self, fn: Callable[[PlacedOutput], Any]) -> Any:
        """Places what is to be executed for each value.

        Args:
            fn: called once, with what stands for any of the values; places solids that it feeds.

        Returns:
            For each output that `fn` returns (one, or a tuple or dict of them), what can be mapped further or
            collected.

        Raises:
            DagsterInvalidDefinitionError: `fn` returns something else.
        """
        returned = fn(PlacedOutput(self.home, self.solid_name, self.output_name))
        return self._for_each(returned)

    def _for_each(self, returned: Any) -> Any:
        if returned is None or isinstance(returned, PlacedDynamicOutput):
            return returned
        if isinstance(returned, PlacedOutput):
            return PlacedDynamicOutput(returned.home, returned.solid_name, returned.output_name)
        if isinstance(returned, PlacedOutputs):
            return returned.for_each_value()
        if isinstance(returned, dict):
            return {name: self._for_each(each) for name, each in returned.items()}
        if isinstance(returned, tuple | list):
            return tuple(self._for_each(each) for each in returned)
        raise DagsterInvalidDefinitionError(
            f"The function given to `map` of output {self.output_name!r} of solid {self.solid_name!r} returned a "
            f"{type(returned).__name__}. Return what solids give that it calls, or nothing."
        )

    def collect(self) -> PlacedCollection:
        """What stands for the list of all values, in the order of their keys, as an input of one solid."""
        return PlacedCollection(self.home, self.solid_name, self.output_name)

    def __iter__(self) -> Iterator[Any]:
        raise DagsterInvariantViolationError(
            f"Output {self.output_name!r} of solid {self.solid_name!r} cannot be iterated over in the body of "
            f"{self.home.described}, because its values are known only when the pipeline runs. Use map() or collect()."
        )


class PlacedCollection(PlacedOutput):
    """What stands for the list of all values of a dynamic output in a body."""


class PlacedOutputs:
    """What a call of a solid with several outputs returns: unpacked in their order, or by name as attributes."""

    def __init__(self, solid_name: str, outputs: Mapping[str, PlacedOutput | PlacedDynamicOutput]) -> None:
        self._solid_name = solid_name
        self._outputs = outputs

    def for_each_value(self) -> PlacedOutputs:
        """The same, for each value of what they were mapped over."""
        outputs = {
            name: PlacedDynamicOutput(each.home, each.solid_name, each.output_name)
            for name, each in self._outputs.items()
        }
        return PlacedOutputs(self._solid_name, outputs)

    def __iter__(self) -> Iterator[PlacedOutput | PlacedDynamicOutput]:
        return iter(self._outputs.values())

    def __getattr__(self, name: str) -> PlacedOutput | PlacedDynamicOutput:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._outputs[name]
        except KeyError:
            known = ", ".join(self._outputs)
            raise AttributeError(f"Solid {self._solid_name!r} has no output {name!r}; it has {known}.") from None


class GivenInput:
    """What a parameter is in the body of a graph: one of its inputs.

    Args:
        home: the body.
        name: the input.
    """

    def __init__(self, home: Composition, name: str) -> None:
        self.home, self.name = home, name

    def __bool__(self) -> bool:
        raise DagsterInvariantViolationError(
            f"The body of {self.home.described} asks whether its input {self.name!r} is true, but its value is known "
            "only when the pipeline runs."
        )

    def __iter__(self) -> Iterator[Any]:
        raise DagsterInvariantViolationError(
            f"Input {self.name!r} cannot be unpacked in the body of {self.home.described}, because its value is known "
            "only when the pipeline runs."
        )


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
        invocation.place = _caller()
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
        what = f"a {type(value).__name__}"
        if isinstance(value, PlacedOutputs):
            what = "a solid with several outputs; pick one"
        if _is_fan_in(value):
            what = "a list with an item that collect() makes a list"
        dynamic = next((each for each in _items(value) if isinstance(each, PlacedDynamicOutput)), None)
        if dynamic is not None:
            raise DagsterInvalidDefinitionError(
                f"Input {input_name!r} of solid {solid_name!r} was given the dynamic output {dynamic.output_name!r} of "
                f"solid {dynamic.solid_name!r} as it is, at {_caller()}. Use map(), for each value, or collect(), for "
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
        return DagsterInvalidDefinitionError(f"{self.described[0].upper()}{self.described[1:]} {why}")


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
            f"{definition.described} has {len(names)} inputs and was given {len(args)} arguments."
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


def _caller() -> str:
    """The file and line of the user's code that calls a solid."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("core.definitions."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _is_fan_in(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, PlacedOutput | GivenInput) for each in value)
    )
