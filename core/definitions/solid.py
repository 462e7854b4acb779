"""Solids: the functions that a pipeline is made of."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, overload

from core.arguments import checked_arguments
from core.config import Fingerprint, unknown_name
from core.definitions.direct.solid_call import call_solid
from core.definitions.graphs.node import NodeDefinition
from core.definitions.parts.configurable import ConfigSchema, items_of, known_as
from core.definitions.parts.input_output import NO_VALUE, InputDefinition, OutputDefinition
from core.definitions.parts.retry_policy import RetryPolicy
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.types.annotations import evaluated

ComputeFn = Callable[..., Any]
_CONTEXT_NAMES = {"context", "_", "_context", "context_"}


class SolidDefinition(NodeDefinition):
    """A function with typed inputs and outputs, config, and the resources it requires.

    Args:
        name: unique in its pipeline.
        input_defs: in the order of the function's parameters.
        compute_fn: called with (context, inputs as a dict by name); returns a value or a generator of events. It may be
            `async def`.
        output_defs: one output called "result" by default.
        config_schema: of `context.solid_config`.
        description: for people.
        tags: string to string, or to what JSON can hold.
        required_resource_keys: resources that `context.resources` has.
        version: of the code; change it when the function would give another result. See `core/plan/versions.py`.
        fingerprint: of what the solid reads outside, from its config; part of the version of its outputs.
        retry_policy: whether and when a step of it that fails is run again; the pipeline's by default.

    Attributes:
        context_parameter: what its function calls the context; None where it takes none.

    Example:
        >>> from core import InputDefinition, OutputDefinition, SolidDefinition, execute_solid
        >>> double = SolidDefinition(
        ...     name="double",
        ...     input_defs=[InputDefinition("number", int)],
        ...     compute_fn=lambda context, inputs: inputs["number"] * 2,
        ...     output_defs=[OutputDefinition(int)],
        ... )
        >>> execute_solid(double, input_values={"number": 3}).output_value()
        6
    """

    context_parameter: str | None = "context"

    @checked_arguments("solid")
    def __init__(
        self,
        name: str,
        input_defs: Sequence[InputDefinition],
        compute_fn: Callable[[Any, dict[str, Any]], Any],
        output_defs: Sequence[OutputDefinition] | None = None,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        tags: Mapping[str, Any] | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        fingerprint: Fingerprint | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        outputs = [OutputDefinition()] if output_defs is None else output_defs
        super().__init__(name, "solid", input_defs, outputs, config_schema, description, tags)
        self.compute_fn = compute_fn
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.version = version
        self.fingerprint = fingerprint
        self.retry_policy = retry_policy

    def with_input_values(self, values: Mapping[str, Any]) -> Self:
        """The same with values for some of its inputs, for a test.

        Raises:
            DagsterInvariantViolationError: it has no such input, or one that carries no value.
        """
        for name in values:
            if name not in self.input_dict:
                what = unknown_name("input", name, self.input_dict)
                raise DagsterInvariantViolationError(f"Solid {self.name!r}: {what}")
            if self.input_dict[name].dagster_type.is_nothing:
                raise DagsterInvariantViolationError(
                    f"Solid {self.name!r} was given a value for its input {name!r}, which carries none; leave it out."
                )
        if not values:
            return self
        given = copy.copy(self)
        inputs = [each.with_value(values[each.name]) if each.name in values else each for each in self.input_defs]
        given.input_defs = tuple(inputs)
        given.input_dict = {each.name: each for each in inputs}
        return given

    def called_outside(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Calls its function, in a test; see `core.definitions.direct.solid_call.call_solid`."""
        return call_solid(self, args, kwargs)


@overload
def solid(name: ComputeFn) -> SolidDefinition: ...
@overload
def solid(
    name: str | None = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    version: str | None = None,
    fingerprint: Fingerprint | None = None,
    retry_policy: RetryPolicy | None = None,
) -> Callable[[ComputeFn], SolidDefinition]: ...
def solid(
    name: Any = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    tags: Mapping[str, Any] | None = None,
    version: str | None = None,
    fingerprint: Fingerprint | None = None,
    retry_policy: RetryPolicy | None = None,
) -> Any:
    """Decorator: a function becomes a SolidDefinition. With or without arguments.

    The function's first parameter is the context when it is called `context` or `_`; the others are the inputs, by
    name. It returns the value of its only output, or yields an `Output` for each, and other events. It may be
    `async def`; an event loop is then run for it alone.

    Args:
        name: of the solid; the function's name by default.
        description: for people; the function's docstring by default.
        input_defs: what the parameters' annotations and defaults do not say.
        output_defs: one output of the return annotation's type by default.
        config_schema: of `context.solid_config`.
        required_resource_keys: resources that `context.resources` has.
        tags: string to string, or to what JSON can hold.
        version: of the code.
        fingerprint: of what the solid reads outside, from its config; part of the version of its outputs.
        retry_policy: whether and when a step of it that fails is run again; the pipeline's by default.

    Example:
        >>> from core import build_solid_context, solid
        >>> @solid(config_schema={"limit": int}, version="1")
        ... def first_rows(context, rows: list) -> list:
        ...     return rows[: context.solid_config["limit"]]
        >>> first_rows(build_solid_context(config={"limit": 2}), ["a", "b", "c"])
        ['a', 'b']
    """
    if callable(name):
        return _solid_from(name, None)

    def make(compute_fn: ComputeFn) -> SolidDefinition:
        return _solid_from(
            compute_fn,
            name,
            description=description,
            input_defs=input_defs,
            output_defs=output_defs,
            config_schema=config_schema,
            required_resource_keys=required_resource_keys,
            tags=tags,
            version=version,
            fingerprint=fingerprint,
            retry_policy=retry_policy,
        )

    return make


def lambda_solid(
    name: Any = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_def: OutputDefinition | None = None,
) -> Any:
    """Decorator for a function that takes inputs only, no context.

    Example:
        >>> @lambda_solid
        ... def double(number: int):
        ...     return 2 * number
        >>> double(4)
        8
    """
    outputs = None if output_def is None else [output_def]
    if callable(name):
        return solid(name)
    return solid(name, description, input_defs, outputs)


def _solid_from(
    compute_fn: ComputeFn,
    name: str | None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    **rest: Any,
) -> SolidDefinition:
    own_name = name or compute_fn.__name__
    signature = inspect.signature(compute_fn)
    parameters = list(signature.parameters.values())
    takes_context = bool(parameters) and parameters[0].name in _CONTEXT_NAMES
    annotations = Annotations(own_name, compute_fn)
    if output_defs is not None:
        output_defs = items_of(output_defs, OutputDefinition, f"output_defs of solid {own_name!r}")
    inputs = inputs_of(own_name, parameters[1:] if takes_context else parameters, input_defs or (), annotations)
    made = SolidDefinition(
        name=own_name,
        input_defs=inputs,
        compute_fn=_adapter(compute_fn, takes_context),
        output_defs=_outputs(compute_fn, signature.return_annotation, output_defs, annotations),
        description=description or inspect.getdoc(compute_fn),
        **rest,
    )
    made.context_parameter = parameters[0].name if takes_context else None
    known_as(made, compute_fn)
    return made


def _adapter(compute_fn: ComputeFn, takes_context: bool) -> Callable[[Any, dict[str, Any]], Any]:
    def compute(context: Any, inputs: dict[str, Any]) -> Any:
        return compute_fn(context, **inputs) if takes_context else compute_fn(**inputs)

    compute.__wrapped__ = compute_fn  # type: ignore[attr-defined]  # so that tools find the user's own function
    return compute


class Annotations:
    """The annotations of a solid's function."""

    def __init__(self, solid_name: str, compute_fn: ComputeFn) -> None:
        self._solid_name, self._compute_fn = solid_name, compute_fn

    def type_of(self, annotation: Any, described: str, advice: str) -> Any:
        """What an annotation stands for; None where there is none. It warns of what cannot be evaluated.

        Args:
            annotation: as the signature has it.
            described: what it is the annotation of.
            advice: how else to give the type.
        """
        if annotation is inspect.Signature.empty:
            return None
        found = evaluated(annotation, self._compute_fn)
        if found.missing is not None:
            text, why = found.missing
            code = getattr(inspect.unwrap(self._compute_fn), "__code__", None)
            warnings.warn_explicit(
                f"Solid {self._solid_name!r}: the annotation {text!r} of {described} cannot be evaluated when the "
                f"program runs ({why}), so what is not known of it takes any value. Import the name outside of "
                f"`if TYPE_CHECKING`, or write {advice}.",
                UserWarning,
                getattr(code, "co_filename", "<unknown>"),
                getattr(code, "co_firstlineno", 1),
            )
        return found.value


def inputs_of(
    solid_name: str,
    parameters: list[inspect.Parameter],
    given: Sequence[InputDefinition],
    annotations: Annotations,
) -> list[InputDefinition]:
    """The inputs of a function with these parameters: those given, completed, and one for each other parameter."""
    given = items_of(given, InputDefinition, f"input_defs of solid {solid_name!r}")
    explicit = {definition.name: definition for definition in given}
    if len(explicit) < len(given):
        raise DagsterInvalidDefinitionError(f"Solid {solid_name!r} declares two inputs of the same name; rename one.")
    inputs = [_input(solid_name, each, explicit.pop(each.name, None), annotations) for each in parameters]
    for definition in explicit.values():
        if not definition.dagster_type.is_nothing:
            raise DagsterInvalidDefinitionError(
                f"Solid {solid_name!r} declares an input {definition.name!r} that its function does not take. "
                "Add a parameter of that name, or declare the input as Nothing if it carries no value."
            )
    return [*inputs, *explicit.values()]


def _input(
    solid_name: str, parameter: inspect.Parameter, given: InputDefinition | None, annotations: Annotations
) -> InputDefinition:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise DagsterInvalidDefinitionError(
            f"Solid {solid_name!r} takes *{parameter.name}, but every input needs a parameter of its own."
        )
    name, default = parameter.name, NO_VALUE if parameter.default is parameter.empty else parameter.default
    definition = given or InputDefinition(name)
    if definition.is_typed:
        return definition.completed_by(None, default)
    advice = f"input_defs=[InputDefinition({name!r}, TYPE)]"
    return definition.completed_by(annotations.type_of(parameter.annotation, f"input {name!r}", advice), default)


def _outputs(
    compute_fn: ComputeFn, returned: Any, given: Sequence[OutputDefinition] | None, annotations: Annotations
) -> Sequence[OutputDefinition]:
    outputs = (OutputDefinition(),) if given is None else given
    if len(outputs) != 1 or inspect.isgeneratorfunction(compute_fn) or inspect.isasyncgenfunction(compute_fn):
        return outputs  # what a generator function returns says nothing of the values it yields
    if outputs[0].is_typed:
        return outputs
    return [
        outputs[0].completed_by(annotations.type_of(returned, "the result", "output_defs=[OutputDefinition(TYPE)]"))
    ]
