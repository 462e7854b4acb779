"""Functions whose body makes a graph: `@composite_solid`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from core.arguments import checked_arguments
from core.config import unknown_name
from core.definitions.graph import CompositeSolidDefinition, ConfigMapping
from core.definitions.graphs.composition import Composition, composing
from core.definitions.graphs.placed import GivenInput, PlacedDynamicOutput, PlacedOutput, PlacedOutputs
from core.definitions.parts.configurable import ConfigSchema, beginning, check_name, items_of
from core.definitions.parts.input_output import (
    DynamicOutputDefinition,
    InputDefinition,
    InputMapping,
    OutputDefinition,
    OutputMapping,
)
from core.definitions.solid import Annotations, inputs_of
from core.errors import DagsterInvalidDefinitionError
from core.events.user_events import DEFAULT_OUTPUT
from core.wording import a_kind_of

Body = Callable[..., Any]
Placed = PlacedOutput | PlacedDynamicOutput


@overload
def composite_solid(name: Body) -> CompositeSolidDefinition: ...
@overload
def composite_solid(
    name: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    description: str | None = None,
    config_schema: ConfigSchema | None = None,
    config_fn: Callable[[Any], Any] | None = None,
) -> Callable[[Body], CompositeSolidDefinition]: ...
@checked_arguments("composite solid")
def composite_solid(
    name: Any = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    description: str | None = None,
    config_schema: ConfigSchema | None = None,
    config_fn: Callable[[Any], Any] | None = None,
) -> Any:
    """Decorator: a function whose body calls solids becomes one of them. With or without arguments.

    The function's parameters are its inputs, to be given to solids in the body. It returns the output of one of them,
    or a dict of them by the names of its own outputs.

    Args:
        name: of the composite solid; the function's name by default.
        input_defs: what the parameters' annotations and defaults do not say; types are those of the solids by default.
        output_defs: by default, one for each output that the function returns.
        description: for people; the function's docstring by default.
        config_schema: of its config, with `config_fn`.
        config_fn: makes config for the solids in it from its own; see ConfigMapping. Without one, each has its own.

    Raises:
        DagsterInvalidDefinitionError: an input goes to no solid, an output comes from none, or parts do not fit.

    Example:
        @composite_solid
        def add_two(number: int) -> int:
            return add_one(add_one(number))

    Example:
        >>> from core import composite_solid, execute_pipeline, lambda_solid, pipeline
        >>> add = lambda_solid(name="add")(lambda number: number + 1)
        >>> @composite_solid
        ... def add_two(number: int):
        ...     return add.alias("second")(add.alias("first")(number))
        >>> sums = pipeline(name="sums")(lambda: add_two())
        >>> execute_pipeline(sums, {"solids": {"add_two": {"inputs": {"number": 1}}}}).output_for_solid("add_two")
        3
    """
    if callable(name):
        return composite_solid()(name)

    def make(body: Body) -> CompositeSolidDefinition:
        parts = GraphParts("composite solid", name or body.__name__, body, input_defs, output_defs)
        return CompositeSolidDefinition(
            parts.name,
            parts.definitions,
            parts.input_mappings,
            parts.output_mappings,
            config_mapping(f"composite solid {parts.name!r}", config_schema, config_fn),
            parts.dependencies,
            description or inspect.getdoc(body),
            positional_inputs=parts.positional_inputs,
        )

    return make


def config_mapping(
    described: str, config_schema: ConfigSchema | None, config_fn: Callable[[Any], Any] | None
) -> ConfigMapping | None:
    """The config mapping of a graph, where it has one; raises DagsterInvalidDefinitionError for a half of one."""
    if config_fn is None and config_schema is None:
        return None
    if config_fn is None:
        raise DagsterInvalidDefinitionError(
            f"{beginning(described)} has a config_schema and no config_fn, which makes config for the solids in it; "
            "give both, or neither."
        )
    if config_schema is None:
        raise DagsterInvalidDefinitionError(
            f"{beginning(described)} has a config_fn and no config_schema, which says what config it takes; give both, "
            "or neither. A schema of {} takes none."
        )
    return ConfigMapping(config_fn, config_schema)


class GraphParts:
    """What the body of a function comes to as a graph.

    Args:
        kind: of the graph, as "composite solid".
        name: of the graph.
        body: the function.
        input_defs: what its parameters do not say.
        output_defs: its outputs; None to take those that it returns.

    Attributes:
        definitions: of what is in it.
        dependencies: what feeds it.
        input_mappings: where its inputs go.
        output_mappings: where its outputs come from.
        positional_inputs: the names of its inputs, in the order of the parameters.

    Raises:
        DagsterInvalidDefinitionError: an input goes to no solid, or an output comes from none.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        body: Body,
        input_defs: Sequence[InputDefinition] | None,
        output_defs: Sequence[OutputDefinition] | None,
    ) -> None:
        self.name = check_name(name, kind)
        self._where = beginning(f"{kind} {name!r}")
        signature = inspect.signature(body)
        self._annotations = Annotations(name, body)
        if output_defs is not None:
            output_defs = items_of(output_defs, OutputDefinition, f"output_defs of {kind} {name!r}")
        inputs = inputs_of(name, list(signature.parameters.values()), input_defs or (), self._annotations)
        for each in inputs:
            if each.name not in signature.parameters:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} declares an input {each.name!r} that its function does not take. Add a parameter "
                    "of that name, and give it to a solid in the body."
                )
        with composing(kind, name) as composition:
            returned = body(**{each.name: GivenInput(composition, each.name) for each in inputs})
        self.definitions = list(composition.definitions.values())
        self.dependencies = composition.dependencies
        self.output_mappings = self._outputs(returned, output_defs, signature.return_annotation, composition)
        self.input_mappings = self._inputs(inputs, composition)
        self.positional_inputs = [each.name for each in inputs]

    def _inputs(self, inputs: Sequence[InputDefinition], composition: Composition) -> list[InputMapping]:
        by_name = {each.name: each for each in inputs}
        mappings = [InputMapping(by_name[name], to) for name, to in composition.mapped]
        used = {name for name, _ in composition.mapped}
        for name in by_name:
            if name not in used:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} gives its input {name!r} to no solid. Give it to one in the body, or remove it."
                )
        return mappings

    def _outputs(
        self,
        returned: Any,
        output_defs: Sequence[OutputDefinition] | None,
        annotation: Any,
        composition: Composition,
    ) -> list[OutputMapping]:
        named = self._named(returned, output_defs)
        for each in named.values():
            composition.check_home(each)
        if output_defs is None:
            kinds = {name: _kind_of(each) for name, each in named.items()}
            output_defs = [kind(name=name) for name, kind in kinds.items()]
        known = {each.name: each for each in output_defs}
        for name in named:
            if name not in known:
                raise DagsterInvalidDefinitionError(f"{self._where} returns an {unknown_name('output', name, known)}")
        for name in known:
            if name not in named:
                raise DagsterInvalidDefinitionError(
                    f"{self._where} returns nothing for its output {name!r}. Return what a solid in it gives, or "
                    "remove the output."
                )
        for name, each in named.items():
            if isinstance(each, PlacedDynamicOutput) != known[name].is_dynamic:
                wanted = _kind_of(each).__name__
                raise DagsterInvalidDefinitionError(
                    f"{self._where} returns output {each.output_name!r} of solid {each.solid_name!r} for its output "
                    f"{name!r}, which must be declared as {wanted} for it."
                )
        if len(known) == 1 and not isinstance(returned, Mapping):
            ((name, definition),) = known.items()
            advice = "output_defs=[OutputDefinition(TYPE)]"
            if not definition.is_typed:
                definition = definition.completed_by(self._annotations.type_of(annotation, "the result", advice))
            known = {name: definition}
        return [each.mapping_from(named[name].solid_name, named[name].output_name) for name, each in known.items()]

    def _named(self, returned: Any, output_defs: Sequence[OutputDefinition] | None) -> dict[str, Placed]:
        """What the body returned, by the names of the graph's outputs."""
        if returned is None:
            return {}
        if isinstance(returned, Placed):
            names = [each.name for each in output_defs or ()] or [DEFAULT_OUTPUT]
            return {names[0] if len(names) == 1 else returned.output_name: returned}
        if isinstance(returned, PlacedOutputs):
            return {each.output_name: each for each in returned}
        if isinstance(returned, Mapping) and all(isinstance(each, Placed) for each in returned.values()):
            return dict(returned)
        if isinstance(returned, tuple) and all(isinstance(each, Placed) for each in returned):
            by_name = {each.output_name: each for each in returned}
            if len(by_name) == len(returned):
                return by_name
        what = a_kind_of(returned)
        if isinstance(returned, GivenInput):
            what = f"its input {returned.name!r}, which no solid gives"
        raise DagsterInvalidDefinitionError(
            f"{self._where} returns {what}. Return the output of a solid in it, or a dict of outputs by the names of "
            "its own."
        )


def _kind_of(placed: Placed) -> type[OutputDefinition]:
    return DynamicOutputDefinition if isinstance(placed, PlacedDynamicOutput) else OutputDefinition
