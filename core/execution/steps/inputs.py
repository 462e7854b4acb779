"""Loading the inputs of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from core.config import own_plain_copy
from core.definitions.run_configs.type_config import LoaderConfig
from core.errors import (
    DagsterError,
    DagsterExecutionLoadInputError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterTypeCheckDidNotPass,
    user_code_error_boundary,
)
from core.events.payloads import LoadedInputData, StepInputData, StepOutputHandle, as_recorded
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.contexts.solid import TypeContext
from core.execution.contexts.step import StepContext
from core.execution.steps.root_inputs import RootLoad
from core.plan.progress import MOST_LOSSES, Attempt
from core.plan.steps import FromConfig, FromDefault, FromRootManager, FromStepOutput, FromStepOutputs, StepInput
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager
from core.values.side_by_side import Call, side_by_side


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

    Those that IO managers load are loaded side by side, where the IO manager allows it. They are told of in order.

    Args:
        step_context: the step.
        events: gets LOADED_INPUT and STEP_INPUT of each.

    Raises:
        DagsterExecutionLoadInputError: an IO manager, or the loader of a type, raised.
        LostValueError: in a memoized run, a stored value is gone or damaged, and can be computed again.
        DagsterObjectCorruptError: so it is, again and again.
        DagsterTypeCheckDidNotPass: a value is not of the input's type.
    """
    loads = [
        (step_input, _loads(step_context, step_input))
        for step_input in step_context.step.inputs
        if not step_input.definition.dagster_type.is_nothing
    ]
    values: dict[str, Any] = {}
    with side_by_side([load.call() for _, of_input in loads for load in of_input]) as begun:
        answers = iter(begun)
        for step_input, of_input in loads:
            value = _value(step_context, step_input, [load.finish(next(answers), events) for load in of_input])
            _check_type(step_context, step_input, value, events)
            values[step_input.definition.name] = value
    return values


def _loads(step_context: StepContext, step_input: StepInput) -> Sequence[_Load | RootLoad]:
    """What is to be loaded for an input."""
    if isinstance(step_input.value_from, FromRootManager):
        return [RootLoad(step_context, step_input.definition.name, step_input.value_from.manager_key)]
    return [_Load(step_context, step_input, handle) for handle in _handles(step_context, step_input)]


def _handles(step_context: StepContext, step_input: StepInput) -> list[StepOutputHandle]:
    """The outputs whose values an input takes."""
    match step_input.value_from:
        case FromStepOutput(handle):
            return [handle]
        case FromStepOutputs(handles):
            # An output that carries no value has only made this step wait; it has no place in the list.
            plan = step_context.pipeline_context.execution_plan
            given = [each for each in handles if each not in step_context.attempt.not_given]
            return [each for each in given if not plan.output_def(each).dagster_type.is_nothing]
    return []


def _value(step_context: StepContext, step_input: StepInput, loaded: list[Any]) -> Any:
    match step_input.value_from:
        case FromStepOutput() | FromRootManager():
            return loaded[0]
        case FromStepOutputs():
            return loaded
        case FromConfig(config):
            return _from_config(step_context, step_input.definition.name, config)
        case FromDefault(value):
            return value if step_input.definition.is_given else own_plain_copy(value)
    raise AssertionError(f"nothing feeds input {step_input.definition.name!r}; such a run config is refused")


def _from_config(step_context: StepContext, name: str, config: LoaderConfig) -> Any:
    context = TypeContext(step_context, config.loader.required_resource_keys())
    with user_code_error_boundary(
        DagsterExecutionLoadInputError,
        lambda: (
            f"Loading input {name!r} of step {step_context.step.key!r} with the loader of {config.type_name} failed"
        ),
        step_key=step_context.step.key,
        input_name=name,
    ):
        return config.loader.construct_from_config_value(context, own_plain_copy(config.value))


class _Load:
    """The value of one output, on its way to an input."""

    __slots__ = ("_context", "_handle", "_io_manager", "_key", "_name", "_step_context")

    def __init__(self, step_context: StepContext, step_input: StepInput, handle: StepOutputHandle) -> None:
        run = step_context.pipeline_context
        self._step_context, self._name, self._handle = step_context, step_input.definition.name, handle
        self._key = run.execution_plan.output_def(handle).io_manager_key
        self._io_manager = run.resources.io_manager(self._key)
        self._context = run.io_contexts.input(step_context.step, self._name, handle, step_context.log)

    def call(self) -> Call:
        """The call that loads it."""
        return Call(self._io_manager, "load_input", partial(self._io_manager.load_input, self._context))

    def finish(self, answer: Callable[[], Any], events: list[DagsterEvent]) -> Any:
        """The value, given what answers the call."""
        name, handle, step_key = self._name, self._handle, self._step_context.step.key
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
                value = answer()
            except Exception as error:  # of the IO manager, which may raise anything; raised again, or told as a loss
                _raise_if_lost(self._step_context.attempt, handle, self._io_manager, self._context, error)
                if isinstance(error, DagsterObjectNotFoundError):
                    run = self._step_context.pipeline_context
                    _raise_if_left_out(run, handle, self._io_manager, self._context, error)
                raise
        data = LoadedInputData(name, self._key, handle.output_name, handle.step_key, handle.mapping_key)
        events.append(self._step_context.record("LOADED_INPUT", f"Loaded input {name!r} with {self._key!r}.", data))
        return value


def _raise_if_lost(
    attempt: Attempt, handle: StepOutputHandle, io_manager: IOManager, context: InputContext, error: Exception
) -> None:
    """Raises what is to be said when a value could not be loaded because it is not there any more, or not whole."""
    upstream = context.upstream_output
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


def _raise_if_left_out(
    run: PipelineContext, handle: StepOutputHandle, io_manager: IOManager, context: InputContext, error: Exception
) -> None:
    """Raises what is to be said when a value is not there, and the run does not execute the step that gives it."""
    key, upstream = handle.step_key, context.upstream_output
    if upstream is None or key in run.execution_plan.step_keys_to_execute or key in run.execution_plan.memoized:
        return
    here = io_manager.get_address(upstream)
    if here is None:  # what the IO manager says of it is all that there is to say
        return
    earlier, stored_at = run.ancestors.run_ids.get(key), run.ancestors.addresses.get(handle)
    why, advice = "", f"Execute step {key!r} too"
    if earlier is not None and stored_at is not None and stored_at != here:
        why = (
            f" Run {earlier}, which executed it, stored it at {stored_at}; by the config or the code of this run it is "
            "another value, or in another place."
        )
        advice = f"{advice}, or give the run config of that run"
    raise DagsterObjectNotFoundError(
        f"The value of output {handle.name_in_step!r} of step {key!r}, which this run leaves out, is not at "
        f"{here}.{why} {advice}."
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
    check = step_context.check_type(definition.dagster_type, value)
    data = StepInputData(definition.name, check.success, check.description, check.metadata_entries)
    if check.metadata_entries:
        data = as_recorded(data, f"What the type check of input {definition.name!r} says")
    events.append(step_context.record("STEP_INPUT", f"Got input {definition.name!r}.", data))
    if not check.success:
        raise DagsterTypeCheckDidNotPass(
            f"Input {definition.name!r} of step {step_context.step.key!r}: {check.description}.",
            check.metadata_entries,
            definition.dagster_type,
        )
