"""Calling a solid outside a run: its arguments, its function, and what that gives, checked as a run checks them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from core.config import own_plain_copy, unknown_name
from core.definitions.calls.context_argument import split_context
from core.definitions.calls.given_events import checked_event, checked_kind, returned_events, yielded_events
from core.definitions.direct.called_solid import CalledSolid
from core.definitions.direct.solid_context import SolidContextOutsideRun, build_solid_context
from core.definitions.parts.input_output import InputDefinition
from core.errors import (
    DagsterInvalidInvocationError,
    DagsterInvariantViolationError,
    DagsterStepOutputNotFoundError,
    DagsterTypeCheckDidNotPass,
)
from core.events.user_events import Output, UserEvent
from core.wording import counted


def call_solid(solid: CalledSolid, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Calls the function of a solid outside a run.

    Args:
        solid: the solid.
        args: the context, where the function takes one, and the values of inputs, in the order of its parameters.
        kwargs: values of inputs by name.

    Returns:
        What the function returns, checked. Of a function that yields, a generator that checks each event as it comes,
        and in the end that all outputs were given; of one that is `async def`, what is to be awaited or iterated.

    Raises:
        DagsterInvalidInvocationError: the arguments are not those that the solid takes.
        DagsterInvalidConfigError: the config of the context does not satisfy the schema; with every fault.
        DagsterTypeCheckDidNotPass: an input or output is not of its type.
        DagsterStepOutputNotFoundError: a required output was not given.
        DagsterInvariantViolationError: something was given that is no output of the solid.
        Exception: what the function raises.
    """
    described = f"Solid {solid.name!r}"
    given, values, by_name = split_context(
        described, solid.context_parameter, "build_solid_context", SolidContextOutsideRun, args, kwargs
    )
    inputs = _inputs(solid, values, by_name)
    context = (given or build_solid_context()).called_by(solid)
    for definition in solid.input_defs:
        if definition.name in inputs:
            _check_input(solid, definition, context, inputs[definition.name])
    return _checked(solid, context, solid.compute_fn(context, inputs))


def _inputs(solid: CalledSolid, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the inputs by name, with defaults; those that carry no value are left out."""
    described = f"Solid {solid.name!r}"
    taken = {each.name: each for each in solid.input_defs if not each.dagster_type.is_nothing}
    if len(args) > len(taken):
        raise DagsterInvalidInvocationError(
            f"{described} takes {counted(len(taken), 'input')} ({', '.join(taken) or 'none'}), and was given "
            f"{len(args)}."
        )
    given = dict(zip(taken, args, strict=False))
    for name, value in kwargs.items():
        if name in given:
            raise DagsterInvalidInvocationError(
                f"{described} was given its input {name!r} twice, by position and by name."
            )
        if name not in taken:
            if any(each.name == name for each in solid.input_defs):
                raise DagsterInvalidInvocationError(
                    f"{described} was given a value for its input {name!r}, which carries none; leave it out."
                )
            raise DagsterInvalidInvocationError(f"{described}: {unknown_name('input', name, taken)}")
        given[name] = value
    missing = [name for name, each in taken.items() if name not in given and not each.has_default_value]
    if missing:
        raise DagsterInvalidInvocationError(
            f"{described} was called without a value for its input {' and '.join(map(repr, missing))}."
        )
    return {name: given[name] if name in given else own_plain_copy(each.default_value) for name, each in taken.items()}


def _check_input(
    solid: CalledSolid, definition: InputDefinition, context: SolidContextOutsideRun, value: object
) -> None:
    check = context.check_type(definition.dagster_type, value)
    if not check.success:
        raise DagsterTypeCheckDidNotPass(
            f"Input {definition.name!r} of solid {solid.name!r}: {check.description}.",
            check.metadata_entries,
            definition.dagster_type,
        )


def _checked(solid: CalledSolid, context: SolidContextOutsideRun, given: Any) -> Any:
    if inspect.iscoroutine(given):
        return _awaited(solid, context, given)
    if inspect.isasyncgen(given):
        return _checked_async_generator(_Outputs(solid, context), given)
    if inspect.isgenerator(given):
        return _checked_generator(_Outputs(solid, context), given)
    outputs = _Outputs(solid, context)
    for event in returned_events(solid.name, solid.output_defs, given):
        outputs.check(event)
    outputs.finish()
    return given


async def _awaited(solid: CalledSolid, context: SolidContextOutsideRun, given: Coroutine[Any, Any, Any]) -> Any:
    return _checked(solid, context, await given)


def _checked_generator(outputs: _Outputs, given: Generator[Any, Any, Any]) -> Generator[UserEvent, None, None]:
    for event in yielded_events(outputs.solid.name, given):
        outputs.check(event)
        yield event
    outputs.finish()


async def _checked_async_generator(outputs: _Outputs, given: AsyncGenerator[Any, Any]) -> AsyncGenerator[UserEvent]:
    async with aclosing(given):
        async for event in given:
            outputs.check(checked_event(outputs.solid.name, event))
            yield event
    outputs.finish()


class _Outputs:
    """The outputs of one call."""

    def __init__(self, solid: CalledSolid, context: SolidContextOutsideRun) -> None:
        self.solid = solid
        self._context = context
        self._given: set[tuple[str, str | None]] = set()  # names, and mapping keys of dynamic outputs

    def check(self, event: UserEvent) -> None:
        """Checks an event that the function gave."""
        if not isinstance(event, Output):
            return
        name, outputs = event.output_name, self.solid.output_dict
        if name not in outputs:
            raise DagsterInvariantViolationError(f"Solid {self.solid.name!r}: {unknown_name('output', name, outputs)}")
        mapping_key = checked_kind(self.solid.name, outputs[name], event)
        shown = name if mapping_key is None else f"{name}[{mapping_key}]"
        if (name, mapping_key) in self._given:
            raise DagsterInvariantViolationError(f"Solid {self.solid.name!r} gave its output {shown!r} twice.")
        self._given.add((name, mapping_key))
        check = self._context.check_type(outputs[name].dagster_type, event.value)
        if not check.success:
            raise DagsterTypeCheckDidNotPass(
                f"Output {name!r} of solid {self.solid.name!r}: {check.description}.",
                check.metadata_entries,
                outputs[name].dagster_type,
            )

    def finish(self) -> None:
        """Checks that all that are required were given."""
        given = {name for name, _ in self._given}
        for each in (output for output in self.solid.output_defs if not output.is_dynamic):
            if each.is_required and not each.dagster_type.is_nothing and each.name not in given:
                raise DagsterStepOutputNotFoundError(
                    f"Solid {self.solid.name!r} did not give its required output {each.name!r}. Yield it, or declare "
                    "it with is_required=False.",
                    self.solid.name,
                    each.name,
                )
