"""What happens when the body of a `@pipeline` function calls solids: they are placed, with what feeds their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from core.definitions.dependency import DependencyDefinition, Feed, MultiDependencyDefinition, SolidInvocation
from core.definitions.solid import CompositionCall, SolidComposer, SolidDefinition, composer
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError


class PlacedOutput(msgspec.Struct, frozen=True):
    """What a call of a solid returns in the body of a pipeline: one output of the placed solid."""

    solid_name: str
    output_name: str

    def __bool__(self) -> bool:
        raise DagsterInvariantViolationError(
            f"The body of a pipeline asks whether output {self.output_name!r} of solid {self.solid_name!r} is true, "
            "but its value is known only when the pipeline runs. To run a solid only sometimes, give the solid before "
            "it an output with is_required=False, and yield that output only then."
        )

    def __iter__(self) -> Iterator[Any]:
        raise DagsterInvariantViolationError(
            f"Output {self.output_name!r} of solid {self.solid_name!r} is a single output and cannot be unpacked "
            "in the body of a pipeline, because its value is known only when the pipeline runs."
        )


class PlacedOutputs:
    """What a call of a solid with several outputs returns: unpacked in their order, or by name as attributes."""

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


class Composition(SolidComposer):
    """The solids placed so far in one pipeline, and their dependencies."""

    def __init__(self, pipeline_name: str) -> None:
        self._pipeline_name = pipeline_name
        self.definitions: dict[str, SolidDefinition] = {}
        self.dependencies: dict[SolidInvocation, dict[str, Feed]] = {}
        self._names: set[str] = set()

    def place(
        self, call: CompositionCall, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> PlacedOutput | PlacedOutputs:
        definition = call.definition
        given = _given_inputs(definition, args, kwargs)
        inputs = {name: _feed(definition.name, name, value) for name, value in given.items()}
        placed_name = self._placed(call, inputs)
        outputs = [each.name for each in definition.output_defs]
        return PlacedOutput(placed_name, outputs[0]) if len(outputs) == 1 else PlacedOutputs(placed_name, outputs)

    def _placed(self, call: CompositionCall, inputs: dict[str, Feed]) -> str:
        definition = call.definition
        if self.definitions.setdefault(definition.name, definition) is not definition:
            raise DagsterInvalidDefinitionError(
                f"Pipeline {self._pipeline_name!r} uses two different solids called {definition.name!r}; rename one."
            )
        name = call.given_alias or self._free_name(definition.name)
        if name in self._names:
            raise DagsterInvalidDefinitionError(
                f"Pipeline {self._pipeline_name!r} uses the name {name!r} for two solids; "
                "give one of them another alias."
            )
        self._names.add(name)
        alias = None if name == definition.name else name
        invocation = SolidInvocation(definition.name, alias, call.tags, call.hook_defs, call.retry_policy)
        self.dependencies[invocation] = inputs
        return name

    def _free_name(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._names:
            count += 1
            candidate = f"{name}_{count}"
        return candidate


@contextmanager
def composing(pipeline_name: str) -> Iterator[Composition]:
    """Within it, calls of solids in this thread are placed in the composition that it gives."""
    composition = Composition(pipeline_name)
    token = composer.set(composition)
    try:
        yield composition
    finally:
        composer.reset(token)


def _given_inputs(definition: SolidDefinition, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = [each.name for each in definition.input_defs]
    if len(args) > len(names):
        raise DagsterInvalidDefinitionError(
            f"Solid {definition.name!r} has {len(names)} inputs and was given {len(args)} arguments."
        )
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            known = ", ".join(names) or "none"
            raise DagsterInvalidDefinitionError(
                f"Solid {definition.name!r} has no input {name!r}, which it was given. Its inputs: {known}."
            )
        if name in given:
            raise DagsterInvalidDefinitionError(
                f"Solid {definition.name!r} was given its input {name!r} twice, by position and by name."
            )
        given[name] = value
    return given


def _feed(solid_name: str, input_name: str, value: Any) -> Feed:
    if isinstance(value, PlacedOutput):
        return DependencyDefinition(value.solid_name, value.output_name)
    if isinstance(value, list | tuple) and value and all(isinstance(item, PlacedOutput) for item in value):
        return MultiDependencyDefinition([DependencyDefinition(item.solid_name, item.output_name) for item in value])
    what = "a solid with several outputs; pick one" if isinstance(value, PlacedOutputs) else f"a {type(value).__name__}"
    raise DagsterInvalidDefinitionError(
        f"Input {input_name!r} of solid {solid_name!r} was given {what}. In the body of a pipeline an input is fed by "
        "an output of another solid, or by a list of them; constants come from config or default values."
    )
