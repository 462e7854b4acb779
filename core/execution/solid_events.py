"""What the events of one solid in a run tell."""

from __future__ import annotations

from collections.abc import Sequence

from core.config import unknown_name
from core.errors import DagsterInvariantViolationError
from core.events.payloads import (
    StepExpectationResultData,
    StepFailureData,
    StepInputData,
    StepMaterializationData,
    StepOutputData,
)
from core.events.records import DagsterEvent
from core.events.user_events import DEFAULT_OUTPUT, AssetMaterialization, ExpectationResult

_STARTS = ("STEP_START", "STEP_RESTARTED")


class SolidEvents:
    """The events of one solid in a run, and what they tell.

    Of inputs and outputs, those of the last attempt at its step count.

    Args:
        solid_name: the solid.
        events: about it, in order.

    Attributes:
        solid_name: as given.
        compute_step_events: the events, as a list.
    """

    def __init__(self, solid_name: str, events: Sequence[DagsterEvent]) -> None:
        self.solid_name = solid_name
        self.compute_step_events = list(events)

    @property
    def _last_attempt(self) -> list[DagsterEvent]:
        events = self.compute_step_events
        starts = [at for at, each in enumerate(events) if each.event_type_value in _STARTS]
        return events[starts[-1] :] if starts else events

    def _has(self, event_type: str) -> bool:
        return any(event.event_type_value == event_type for event in self._last_attempt)

    @property
    def success(self) -> bool:
        """bool: whether it was executed and succeeded, or did not need to be executed."""
        return self._has("STEP_SUCCESS") or self.memoized

    @property
    def memoized(self) -> bool:
        """bool: whether it was not executed because its outputs were stored."""
        return self._has("STEP_MEMOIZED")

    @property
    def skipped(self) -> bool:
        """bool: whether it was skipped because an output that feeds it was not given."""
        return self._has("STEP_SKIPPED")

    @property
    def retry_attempts(self) -> int:
        """int: how often its step was started again."""
        return sum(event.event_type_value == "STEP_RESTARTED" for event in self.compute_step_events)

    @property
    def failure_data(self) -> StepFailureData | None:
        """StepFailureData | None: why it failed, if it did."""
        data = [event.event_specific_data for event in self.compute_step_events if event.is_step_failure]
        return data[0] if data and isinstance(data[0], StepFailureData) else None

    @property
    def compute_step_failure_event(self) -> DagsterEvent:
        """DagsterEvent: STEP_FAILURE; raises DagsterInvariantViolationError where it did not fail."""
        return self._only("STEP_FAILURE")

    def get_step_success_event(self) -> DagsterEvent:
        """STEP_SUCCESS; raises DagsterInvariantViolationError where it did not succeed."""
        return self._only("STEP_SUCCESS")

    @property
    def input_events_during_compute(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: STEP_INPUT of each input."""
        return [event for event in self._last_attempt if event.event_type_value == "STEP_INPUT"]

    @property
    def output_events_during_compute(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: STEP_OUTPUT of each output that was given."""
        return [event for event in self._last_attempt if event.is_successful_output]

    @property
    def compute_input_event_dict(self) -> dict[str, DagsterEvent]:
        """dict[str, DagsterEvent]: STEP_INPUT by input."""
        return {
            event.event_specific_data.input_name: event
            for event in self.input_events_during_compute
            if isinstance(event.event_specific_data, StepInputData)
        }

    @property
    def compute_output_events_dict(self) -> dict[str, list[DagsterEvent]]:
        """dict[str, list[DagsterEvent]]: STEP_OUTPUT by output; of a dynamic output, one for each of its values."""
        found: dict[str, list[DagsterEvent]] = {}
        for event in self.output_events_during_compute:
            if isinstance(event.event_specific_data, StepOutputData):
                found.setdefault(event.event_specific_data.output_name, []).append(event)
        return found

    def get_output_events_for_compute(self, output_name: str = DEFAULT_OUTPUT) -> list[DagsterEvent]:
        """STEP_OUTPUT of each value of an output; raises DagsterInvariantViolationError if it was not given."""
        found = self.compute_output_events_dict
        if output_name not in found:
            what = unknown_name("output", output_name, found)
            raise DagsterInvariantViolationError(f"Solid {self.solid_name!r} has not given this output: {what}")
        return found[output_name]

    def get_output_event_for_compute(self, output_name: str = DEFAULT_OUTPUT) -> DagsterEvent:
        """STEP_OUTPUT of an output; raises DagsterInvariantViolationError unless it was given, and once."""
        events = self.get_output_events_for_compute(output_name)
        if len(events) > 1:
            raise DagsterInvariantViolationError(
                f"Solid {self.solid_name!r} gave {len(events)} values of its dynamic output {output_name!r}; ask for "
                "them with get_output_events_for_compute."
            )
        return events[0]

    @property
    def materialization_events_during_compute(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: ASSET_MATERIALIZATION of each asset that it made, in all attempts."""
        return [event for event in self.compute_step_events if event.is_step_materialization]

    @property
    def materializations_during_compute(self) -> list[AssetMaterialization]:
        """list[AssetMaterialization]: the assets that it made, in all attempts."""
        data = (event.event_specific_data for event in self.materialization_events_during_compute)
        return [each.materialization for each in data if isinstance(each, StepMaterializationData)]

    @property
    def materializations(self) -> list[AssetMaterialization]:
        """list[AssetMaterialization]: the same as `materializations_during_compute`."""
        return self.materializations_during_compute

    @property
    def expectation_events_during_compute(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: STEP_EXPECTATION_RESULT of each, in all attempts."""
        return [event for event in self.compute_step_events if event.event_type_value == "STEP_EXPECTATION_RESULT"]

    @property
    def expectation_results_during_compute(self) -> list[ExpectationResult]:
        """list[ExpectationResult]: what it found of its data, in all attempts."""
        data = (event.event_specific_data for event in self.expectation_events_during_compute)
        return [each.expectation_result for each in data if isinstance(each, StepExpectationResultData)]

    def _only(self, event_type: str) -> DagsterEvent:
        found = [event for event in self._last_attempt if event.event_type_value == event_type]
        if not found:
            raise DagsterInvariantViolationError(
                f"Solid {self.solid_name!r} has no event {event_type}: it {self._outcome()}."
            )
        return found[0]

    def _outcome(self) -> str:
        if self.memoized:
            return "was not executed, since its outputs were stored"
        if self.success:
            return "succeeded"
        if self.skipped:
            return "was skipped"
        return "failed" if self._has("STEP_FAILURE") else "was not executed"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.solid_name!r}: {self._outcome()}>"
