"""How the inputs and outputs of a graph are those of the solids in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.config import unknown_name
from core.definitions.dependency import MappedInputPlaceholder, MultiDependencyDefinition, Node
from core.definitions.parts.input_output import (
    NO_VALUE,
    FanInInputPointer,
    InputDefinition,
    InputMapping,
    InputPointer,
    OutputDefinition,
    OutputMapping,
    OutputPointer,
)
from core.errors import DagsterInvalidDefinitionError

InputPlace = tuple[str, str, int | None]
"""An input in a graph: the solid's name, the input's, and which item of a fan-in."""


class CheckedMappings:
    """The mappings of one graph.

    Args:
        where: the graph, as messages begin: "Composite solid 'clean'".
        nodes: what is in it, by name.
        input_mappings: where its inputs go.
        output_mappings: where its outputs come from.
        positional_inputs: the names of its inputs in the order in which they are given by position; that of the
            mappings by default.

    Attributes:
        input_defs: in that order. An input without a type has that of the first input to which it is mapped.
        output_defs: in the order of the mappings; an output without a type has that of the one it is mapped from.
        input_sources: for each place to which an input is mapped, the name of that input.
        output_sources: for each output, where it comes from.

    Raises:
        DagsterInvalidDefinitionError: they do not fit what is in the graph; the message says which.
    """

    def __init__(
        self,
        where: str,
        nodes: Mapping[str, Node],
        input_mappings: Sequence[InputMapping],
        output_mappings: Sequence[OutputMapping],
        positional_inputs: Sequence[str] | None,
    ) -> None:
        self._where, self._nodes = where, nodes
        self.input_sources: dict[InputPlace, str] = {}
        self.output_sources: dict[str, OutputPointer] = {}
        for each in input_mappings:
            self._add_input(each)
        self._check_placeholders()
        for mapping in output_mappings:
            self._add_output(mapping)
        self.input_defs = self._inputs(input_mappings, positional_inputs)
        self.output_defs = [self._output(each) for each in output_mappings]

    def _add_input(self, mapping: InputMapping) -> None:
        definition, to = mapping
        what = f"{self._where}: its input {definition.name!r} is mapped to input {to.input_name!r} of solid"
        node = self._nodes.get(to.solid_name)
        if node is None:
            unknown = unknown_name("solid", to.solid_name, self._nodes)
            raise DagsterInvalidDefinitionError(f"{what} {to.solid_name!r}: {unknown}")
        if to.input_name not in node.definition.input_dict:
            unknown = unknown_name("input", to.input_name, node.definition.input_dict)
            raise DagsterInvalidDefinitionError(f"{what} {to.solid_name!r}: {unknown}")
        feed = node.feeds.get(to.input_name)
        items = feed.items if isinstance(feed, MultiDependencyDefinition) else ()
        index = to.fan_in_index if isinstance(to, FanInInputPointer) else None
        if index is None and feed is not None:
            raise DagsterInvalidDefinitionError(f"{what} {to.solid_name!r}, which another solid feeds already.")
        if index is not None and (not 0 <= index < len(items) or items[index] is not MappedInputPlaceholder):
            raise DagsterInvalidDefinitionError(
                f"{what} {to.solid_name!r}, as item {index} of a list in which MappedInputPlaceholder does not stand "
                "there."
            )
        place = (to.solid_name, to.input_name, index)
        if place in self.input_sources:
            raise DagsterInvalidDefinitionError(f"{what} {to.solid_name!r}, to which one is mapped already.")
        self.input_sources[place] = definition.name

    def _check_placeholders(self) -> None:
        for node in self._nodes.values():
            for input_name, feed in node.feeds.items():
                for index, item in enumerate(feed.items if isinstance(feed, MultiDependencyDefinition) else ()):
                    if item is MappedInputPlaceholder and (node.name, input_name, index) not in self.input_sources:
                        raise DagsterInvalidDefinitionError(
                            f"{self._where}, solid {node.name!r}: no input is mapped to item {index} of its input "
                            f"{input_name!r}, where MappedInputPlaceholder stands."
                        )

    def _add_output(self, mapping: OutputMapping) -> None:
        definition, source = mapping
        what = f"{self._where}: its output {definition.name!r} is mapped from solid {source.solid_name!r}"
        node = self._nodes.get(source.solid_name)
        if node is None:
            raise DagsterInvalidDefinitionError(f"{what}: {unknown_name('solid', source.solid_name, self._nodes)}")
        if source.output_name not in node.definition.output_dict:
            unknown = unknown_name("output", source.output_name, node.definition.output_dict)
            raise DagsterInvalidDefinitionError(f"{what}: {unknown}")
        if definition.name in self.output_sources:
            raise DagsterInvalidDefinitionError(f"{what}, and from another one too; map it from one.")
        self.output_sources[definition.name] = source

    def _inputs(
        self, mappings: Sequence[InputMapping], positional_inputs: Sequence[str] | None
    ) -> list[InputDefinition]:
        given: dict[str, InputDefinition] = {}
        completed: dict[str, InputDefinition] = {}
        for definition, to in mappings:
            name = definition.name
            if given.setdefault(name, definition) is not definition:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} has two different inputs called {name!r}; to map one to several solids, use one "
                    "InputDefinition for all of its mappings."
                )
            if isinstance(to, FanInInputPointer):
                completed.setdefault(name, definition)
                continue
            completed[name] = self._completed(completed.get(name, definition), to)
        order = list(completed) if positional_inputs is None else list(positional_inputs)
        if sorted(order) != sorted(completed):
            raise DagsterInvalidDefinitionError(
                f"{self._where}: positional_inputs must name each of its inputs once: {', '.join(completed) or 'none'}."
            )
        return [completed[name] for name in order]

    def _completed(self, definition: InputDefinition, to: InputPointer) -> InputDefinition:
        inner = self._nodes[to.solid_name].definition.input_dict[to.input_name]
        completed = definition if definition.is_typed else definition.completed_by(inner.dagster_type, NO_VALUE)
        if completed.dagster_type.is_nothing != inner.dagster_type.is_nothing:
            raise self._differs(f"input {definition.name!r} is mapped to input {to.input_name!r}", to.solid_name)
        return completed

    def _output(self, mapping: OutputMapping) -> OutputDefinition:
        definition, source = mapping
        inner = self._nodes[source.solid_name].definition.output_dict[source.output_name]
        if inner.is_dynamic and not definition.is_dynamic:
            raise DagsterInvalidDefinitionError(
                f"{self._where}: its output {definition.name!r} is mapped from the dynamic output "
                f"{source.output_name!r} of solid {source.solid_name!r}. Make it a DynamicOutputDefinition."
            )
        completed = definition.completed_by(inner.dagster_type)
        if completed.dagster_type.is_nothing != inner.dagster_type.is_nothing:
            named = f"output {definition.name!r} is mapped from output {source.output_name!r}"
            raise self._differs(named, source.solid_name)
        return completed

    def _differs(self, mapped: str, solid: str) -> DagsterInvalidDefinitionError:
        return DagsterInvalidDefinitionError(
            f"{self._where}: its {mapped} of solid {solid!r}, and one of them is Nothing while the other carries a "
            "value. Give both the same type."
        )
