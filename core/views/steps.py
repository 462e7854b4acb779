"""What the steps of a run came to."""

from __future__ import annotations

import msgspec

from core.events.payloads import StepFailureData, StepSuccessData
from core.events.records import DagsterEvent
from core.usage import Usage


class StepReport(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        step_key: the step.
        outcome: "executed", "memoized", "skipped", "failed" or "not executed".
        seconds: how long it took; None where it was not executed.
        usage: what it asked of remote storage.
    """

    step_key: str
    outcome: str
    seconds: float | None = None
    usage: Usage = Usage()


def step_report(event: DagsterEvent) -> StepReport | None:
    """The line that an event gives rise to, if it ends a step."""
    if event.step_key is None:
        return None
    data = event.event_specific_data
    if isinstance(data, StepSuccessData):
        return StepReport(event.step_key, "executed", data.duration_ms / 1000, data.usage)
    if isinstance(data, StepFailureData):
        return StepReport(event.step_key, "failed", data.duration_ms / 1000, data.usage)
    simple = {"STEP_MEMOIZED": "memoized", "STEP_SKIPPED": "skipped"}
    outcome = simple.get(event.event_type_value)
    return StepReport(event.step_key, outcome) if outcome else None
