"""Loading the inputs of a step."""

from __future__ import annotations

from typing import Any

from core.errors import (
    DagsterExecutionLoadInputError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterTypeCheckDidNotPass,
    user_code_error_boundary,
)
from core.events.payloads import LoadedInputData, StepInputData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.contexts.step import StepContext
from core.plan.steps import FromConfig, FromDefault, FromStepOutput, FromStepOutputs, StepInput


class LostValueError(Exception):
    """A stored value, because of which the step that gives it was not executed, is gone or damaged.

    Attributes:
        handle: the output.
    """

    def __init__(self, handle: StepOutputHandle) -> None:
        super().__init__(
            f"The value of output {handle.name_in_step!r} of step {handle.step_key!r} is gone or damaged; that step is "
            "executed first."
        )
        self.handle = handle


def load_inputs(step_context: StepContext, events: list[DagsterEvent]) -> dict[str, Any]:
    """The values of the step's inputs, by name, type checked; inputs that carry no value are left out.

    Args:
        step_context: the step.
        events: gets LOADED_INPUT and STEP_INPUT of each.

    Raises:
        DagsterExecutionLoadInputError: an IO manager raised.
        LostValueError: it says that a stored value of a step that was not executed is gone or damaged.
        DagsterTypeCheckDidNotPass: a value is not of the input's type.
    """
    values: dict[str, Any] = {}
    for step_input in step_context.step.inputs:
        if not step_input.definition.dagster_type.is_nothing:
            value = _value(step_context, step_input, events)
            _check_type(step_context, step_input, value, events)
            values[step_input.definition.name] = value
    return values


def _value(step_context: StepContext, step_input: StepInput, events: list[DagsterEvent]) -> Any:
    name = step_input.definition.name
    match step_input.value_from:
        case FromStepOutput(handle):
            return _load(step_context, name, handle, events)
        case FromStepOutputs(handles):
            # An output that carries no value has only made this step wait; it has no place in the list.
            plan = step_context.pipeline_context.execution_plan
            given = [each for each in handles if each not in step_context.attempt.not_given]
            valued = [each for each in given if not plan.output_def(each).dagster_type.is_nothing]
            return [_load(step_context, name, handle, events) for handle in valued]
        case FromConfig(value) | FromDefault(value):
            return value
    raise AssertionError(f"nothing feeds input {name!r}; such a run config is refused")


def _load(step_context: StepContext, name: str, handle: StepOutputHandle, events: list[DagsterEvent]) -> Any:
    pipeline_context = step_context.pipeline_context
    key = pipeline_context.execution_plan.output_def(handle).io_manager_key
    step_key = step_context.step.key
    with user_code_error_boundary(
        DagsterExecutionLoadInputError,
        lambda: (
            f"Loading input {name!r} of step {step_key!r} from output {handle.name_in_step!r} of step "
            f"{handle.step_key!r} failed"
        ),
        control_flow_exceptions=(LostValueError,),
        step_key=step_key,
        input_name=name,
    ):
        try:
            context = pipeline_context.io_contexts.input(step_context.step, name, handle, step_context.log)
            value = pipeline_context.resources.io_manager(key).load_input(context)
        except (DagsterObjectNotFoundError, DagsterObjectCorruptError) as error:
            if handle.step_key in step_context.attempt.memoized:
                raise LostValueError(handle) from error
            raise
    events.append(
        step_context.record(
            "LOADED_INPUT",
            f"Loaded input {name!r} with {key!r}.",
            LoadedInputData(name, key, handle.output_name, handle.step_key, handle.mapping_key),
        )
    )
    return value


def _check_type(step_context: StepContext, step_input: StepInput, value: Any, events: list[DagsterEvent]) -> None:
    definition = step_input.definition
    check = definition.dagster_type.type_check(step_context, value)
    data = StepInputData(definition.name, check.success, check.description)
    events.append(step_context.record("STEP_INPUT", f"Got input {definition.name!r}.", data))
    if not check.success:
        raise DagsterTypeCheckDidNotPass(
            f"Input {definition.name!r} of step {step_context.step.key!r}: {check.description}.",
            check.metadata_entries,
            definition.dagster_type,
        )
