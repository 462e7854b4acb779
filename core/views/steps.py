"""How the steps of a run ended."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from core.events.payloads import StepFailureData, StepRetryData, StepSuccessData
from core.events.records import DagsterEvent, EventLogEntry
from core.usage import Usage

StepOutcome = Literal[
    "executed",
    "memoized",
    "skipped",
    "failed",
    "not executed",
    "running",
    "waiting to be run again",
    "was running when the run ended",
    "was waiting to be run again when the run ended",
]


class StepReport(msgspec.Struct, frozen=True):
    """How a step ended.

    Attributes:
        step_key: the step.
        outcome: what happened to it.
        seconds: how long it took; None if it was not executed.
        usage: its use of remote storage.
        since: when that began, of a step that has not ended.
        until: when a step that waits is to be run again.
    """

    step_key: str
    outcome: StepOutcome
    seconds: float | None = None
    usage: Usage = Usage()
    since: datetime | None = None
    until: datetime | None = None


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


def steps_not_ended(entries: Iterable[EventLogEntry], is_over: bool) -> dict[str, StepReport]:
    """The steps of a run that have begun and not ended, by key.

    Args:
        entries: the log of the run, in order.
        is_over: whether the run has ended, or its process was killed, so that they never will.
    """
    found: dict[str, StepReport] = {}
    for entry in entries:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        key, since = event.step_key, datetime.fromtimestamp(entry.timestamp, UTC)
        if event.event_type_value in ("STEP_START", "STEP_RESTARTED"):
            found[key] = StepReport(key, "was running when the run ended" if is_over else "running", since=since)
        elif isinstance(event.event_specific_data, StepRetryData):
            outcome: StepOutcome = "waiting to be run again"
            if is_over:
                outcome = "was waiting to be run again when the run ended"
            until = since + timedelta(seconds=event.event_specific_data.seconds_to_wait)
            found[key] = StepReport(key, outcome, since=since, until=until)
        elif step_report(event) is not None:
            found.pop(key, None)
    return found
