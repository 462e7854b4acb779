"""What a solid's function gives, as events: what it yields, or what it returns."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

from core.definitions.parts.input_output import OutputDefinition
from core.errors import DagsterInvariantViolationError
from core.events.user_events import USER_EVENT_TYPES, DynamicOutput, Output, UserEvent
from core.wording import a_kind_of


def yielded_events(solid_name: str, generator: Generator[Any, Any, Any]) -> Generator[UserEvent, None, None]:
    """What a solid's function yields.

    Raises:
        DagsterInvariantViolationError: it yielded something else.
    """
    with closing(generator):  # also where an output of it could not be stored
        for event in generator:
            yield checked_event(solid_name, event)


def checked_event(solid_name: str, event: Any) -> UserEvent:
    """What a solid's function yielded; raises DagsterInvariantViolationError where it is something else."""
    if isinstance(event, USER_EVENT_TYPES):
        return event
    raise DagsterInvariantViolationError(
        f"Solid {solid_name!r} yielded {a_kind_of(event)}; a solid yields Output, AssetMaterialization or "
        "ExpectationResult. Wrap the value: yield Output(value)."
    )


def returned_events(solid_name: str, outputs: Sequence[OutputDefinition], returned: Any) -> Sequence[UserEvent]:
    """What a solid's function returned, as events; the values of a dynamic output may be a list.

    Raises:
        DagsterInvariantViolationError: it returned one value for several outputs.
    """
    if isinstance(returned, USER_EVENT_TYPES):
        return (returned,)
    if isinstance(returned, list) and returned and all(isinstance(each, DynamicOutput) for each in returned):
        return returned
    if len(outputs) == 1 and outputs[0].is_dynamic and returned == []:
        return ()
    if len(outputs) == 1:
        return (Output(returned, outputs[0].name),)
    if returned is not None:
        raise DagsterInvariantViolationError(
            f"Solid {solid_name!r} has {len(outputs)} outputs and returned a value. With more than one output (or "
            "none) a solid yields: yield Output(value, output_name)."
        )
    return ()


def checked_kind(solid_name: str, output_def: OutputDefinition, output: Output) -> str | None:
    """The mapping key of a value of a dynamic output; None for one of another output.

    Raises:
        DagsterInvariantViolationError: the output is dynamic and the value has no key, or the other way round.
    """
    mapping_key = output.mapping_key if isinstance(output, DynamicOutput) else None
    if output_def.is_dynamic != (mapping_key is not None):
        kind, wanted = "is not dynamic", "Output(value)"
        if output_def.is_dynamic:
            kind, wanted = "is dynamic", "DynamicOutput(value, mapping_key)"
        raise DagsterInvariantViolationError(
            f"Output {output_def.name!r} of solid {solid_name!r} {kind}; yield {wanted} for it."
        )
    return mapping_key
