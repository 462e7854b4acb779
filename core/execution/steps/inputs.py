"""Loading the inputs of a step."""

from __future__ import annotations

from typing import Any

from core.errors import (
    DagsterError,
    DagsterExecutionLoadInputError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterTypeCheckDidNotPass,
    user_code_error_boundary,
)
from core.events.payloads import LoadedInputData, StepInputData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.contexts.step import StepContext
from core.plan.progress import MOST_LOSSES
from core.plan.steps import FromConfig, FromDefault, FromStepOutput, FromStepOutputs, StepInput
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager


class LostValueError(Exception):
    """A stored value is gone or damaged, and the step that gives it can be executed for it.

    Args:
        handle: the output.
        why: what became of the value, as a sentence.

    Attributes:
        handle: as given.
    """

    def __init__(self, handle: StepOutputHandle, why: object) -> None:
        super().__init__(
            f"The value of output {handle.name_in_step!r} of step {handle.step_key!r} is gone or damaged, so that step "
            f"is executed first: {why}"
        )
        self.handle = handle


def load_inputs(step_context: StepContext, events: list[DagsterEvent]) -> dict[str, Any]:
    """The values of the step's inputs, by name, type checked; inputs that carry no value are left out.

    Args:
        step_context: the step.
        events: gets LOADED_INPUT and STEP_INPUT of each.

    Raises:
        DagsterExecutionLoadInputError: an IO manager raised.
        LostValueError: in a memoized run, a stored value is gone or damaged, and can be computed again.
        DagsterObjectCorruptError: so it is, again and again.
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
        context = pipeline_context.io_contexts.input(step_context.step, name, handle, step_context.log)
        io_manager = pipeline_context.resources.io_manager(key)
        try:
            value = io_manager.load_input(context)
        except Exception as error:
            _raise_if_lost(step_context, handle, io_manager, context, error)
            raise
    events.append(
        step_context.record(
            "LOADED_INPUT",
            f"Loaded input {name!r} with {key!r}.",
            LoadedInputData(name, key, handle.output_name, handle.step_key, handle.mapping_key),
        )
    )
    return value


def _raise_if_lost(
    step_context: StepContext, handle: StepOutputHandle, io_manager: IOManager, context: InputContext, error: Exception
) -> None:
    """Raises what is to be said when a value could not be loaded because it is not there any more, or not whole."""
    attempt, upstream = step_context.attempt, context.upstream_output
    if handle.step_key not in attempt.recoverable | attempt.given_up or not isinstance(io_manager, MemoizableIOManager):
        return
    if upstream is None or upstream.version is None or not _is_lost(io_manager, upstream, error):
        return
    if handle.step_key in attempt.recoverable:
        raise LostValueError(handle, error) from error
    raise DagsterObjectCorruptError(
        f"The value of output {handle.name_in_step!r} of step {handle.step_key!r} was computed again {MOST_LOSSES} "
        f"times, and was gone or damaged each time before step {attempt.step_key!r} could load it ({error}). Find out "
        "what deletes or changes values while they are used, and run again."
    ) from error


def _is_lost(io_manager: MemoizableIOManager, output: OutputContext, error: Exception) -> bool:
    """Whether an error of loading means that the value is not there as it was stored."""
    if isinstance(error, DagsterError):
        return isinstance(error, DagsterObjectNotFoundError | DagsterObjectCorruptError)
    try:  # an IO manager of the user's may raise anything
        return not io_manager.has_output(output)
    except Exception:  # noqa: BLE001  then the first error says more
        return False


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
