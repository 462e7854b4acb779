"""What the log of an earlier run says of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from core.definitions.parts.input_output import OutputDefinition
from core.events.payloads import (
    HandledOutputData,
    PlanVersionedData,
    StepMemoizedData,
    StepOutputData,
    StepOutputHandle,
)
from core.events.records import DagsterEvent
from core.instance import DagsterInstance

OutputsOf = Callable[[str], Sequence[OutputDefinition] | None]
"""The outputs of the step of a key; None where there is no such step any more."""


class EarlierStep(msgspec.Struct):
    """A step of an earlier run, by its last attempt.

    Attributes:
        has_ended: whether it succeeded, was skipped, or did not need to be executed.
        is_memoized: whether it did not need to be executed.
        is_skipped: whether it was not executed, because an output that feeds it was not given.
        given: the values that it gave, or that were found, with their addresses where these are known.
        stored: those of them that were stored.
        is_whole: whether its function had ended, and well, when one of them was stored.
        not_given: names of outputs of which it was found that they were not given.
    """

    has_ended: bool = False
    is_memoized: bool = False
    is_skipped: bool = False
    given: dict[StepOutputHandle, str | None] = {}
    stored: set[StepOutputHandle] = set()
    is_whole: bool = False
    not_given: set[str] = set()

    def has_stored(self, outputs: Sequence[OutputDefinition] | None) -> bool:
        """Whether all is stored that it gave, though its process died before it had said how the step ended.

        Args:
            outputs: of the step.
        """
        if outputs is None or not self.is_whole:
            return False
        names = {handle.output_name for handle in self.given}
        required = {output.name for output in outputs if output.is_required and not output.is_dynamic}
        return required <= names and self.given.keys() <= self.stored


class EarlierSteps(msgspec.Struct, frozen=True):
    """What a run's log says.

    Attributes:
        ended: by key, the steps that ended well, and those of which everything is stored.
        refreshed: keys of the steps that were to be executed whatever is stored.
    """

    ended: dict[str, EarlierStep]
    refreshed: tuple[str, ...] = ()


def read_steps(instance: DagsterInstance, run_id: str, outputs_of: OutputsOf) -> EarlierSteps:
    """What the log of a run says of its steps, also of those that were cut off when its process died.

    Args:
        instance: where the run is recorded.
        run_id: the run.
        outputs_of: knows the outputs of its steps.
    """
    steps: dict[str, EarlierStep] = {}
    refreshed: tuple[str, ...] = ()
    for event in _events(instance, run_id):
        data = event.event_specific_data
        if isinstance(data, PlanVersionedData):
            refreshed += data.refreshed
        if event.step_key is None:
            continue
        step = steps.setdefault(event.step_key, EarlierStep())
        if event.event_type_value in ("STEP_START", "STEP_RESTARTED", "STEP_UP_FOR_RETRY", "STEP_FAILURE"):
            steps[event.step_key] = EarlierStep()
        elif event.event_type_value == "STEP_SUCCESS":
            step.has_ended = True
        elif event.event_type_value == "STEP_SKIPPED":
            steps[event.step_key] = EarlierStep(has_ended=True, is_skipped=True)
        elif isinstance(data, StepOutputData):
            step.given[data.step_output_handle] = None
        elif isinstance(data, HandledOutputData):
            _take_stored(step, data, data.handle(event.step_key))
        elif isinstance(data, StepMemoizedData):
            given = {each.handle(event.step_key): each.address for each in data.outputs if each.is_given}
            absent = {each.output_name for each in data.outputs if not each.is_given}
            steps[event.step_key] = EarlierStep(True, True, False, given, set(given), not_given=absent)
    ended = {key: step for key, step in steps.items() if step.has_ended or step.has_stored(outputs_of(key))}
    return EarlierSteps(ended, refreshed)


def _take_stored(step: EarlierStep, data: HandledOutputData, handle: StepOutputHandle) -> None:
    step.is_whole = step.is_whole or not data.is_early
    if handle in step.given:
        step.given[handle] = data.address
        step.stored.add(handle)


def _events(instance: DagsterInstance, run_id: str) -> Iterable[DagsterEvent]:
    return (entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None)
