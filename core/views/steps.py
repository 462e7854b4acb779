"""How the steps of a run ended."""

from __future__ import annotations

from typing import Literal

import msgspec

from core.events.payloads import StepFailureData, StepSuccessData
from core.events.records import DagsterEvent
from core.usage import Usage

StepOutcome = Literal["executed", "memoized", "skipped", "failed", "not executed"]


class StepReport(msgspec.Struct, frozen=True):
    """How a step ended.

    Attributes:
        step_key: the step.
        outcome: what happened to it.
        seconds: how long it took; None if it was not executed.
        usage: its use of remote storage.
    """

    step_key: str
    outcome: StepOutcome
    seconds: float | None = None
    usage: Usage = Usage()


def step_report(event: DagsterEvent) -> StepReport | None:
    """The report of the step that an event ends; None if it ends no step."""
    if event.step_key is None:
        return None
    data = event.event_specific_data
    if isinstance(data, StepSuccessData):
        return StepReport(event.step_key, "executed", data.duration_ms / 1000, data.usage)
    if isinstance(data, StepFailureData):
        return StepReport(event.step_key, "failed", data.duration_ms / 1000, data.usage)
    if event.event_type_value == "STEP_MEMOIZED":
        return StepReport(event.step_key, "memoized")
    return StepReport(event.step_key, "skipped") if event.event_type_value == "STEP_SKIPPED" else None
