"""An attempt at a step that another process executes: what is known of it, and how it has ended."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from core.errors import DagsterSubprocessError
from core.events.payloads import StepFailureData, StepRetryData
from core.events.records import DagsterEvent
from core.execution.contexts.step import StepContext
from core.execution.steps.result import StepEnd, StepResult
from core.execution.worker.records import ToldError
from core.types import pickles

ENDS = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}
"""The types of events that say how an attempt has ended."""


class Running:
    """An attempt at a step that a process executes.

    Attributes:
        context: the attempt.
        events: of it, until now.
        started: when it was begun, as `time.perf_counter` tells.
        is_captured: whether its output is kept.
        end_at: from when on it takes too long, as `time.monotonic` tells; None where it does not.
        kill_at: from when on its process is killed.
        is_too_late: whether it has taken too long.
        has_ended: whether it is known how the step has ended; its process may live for a moment more.
    """

    def __init__(self, context: StepContext, is_captured: bool) -> None:
        self.context, self.is_captured = context, is_captured
        self.events: list[DagsterEvent] = []
        self.started = time.perf_counter()
        self.end_at: float | None = None
        self.kill_at: float | None = None
        self.is_too_late = self.has_ended = False

    @property
    def key(self) -> str:
        return self.context.step.key

    @property
    def next_time(self) -> float | None:
        """float | None: when something has to be done about it."""
        return min((each for each in (self.end_at, self.kill_at) if each is not None), default=None)

    def take(self, event: DagsterEvent) -> None:
        """Something has happened. What the attempt takes counts from its first event, when its process is there, until
        the one that says how it has ended; its hooks may take longer.
        """
        most_seconds = self.context.step.max_runtime_seconds
        if not self.events and most_seconds is not None:
            self.end_at = time.monotonic() + most_seconds
        self.events.append(event)
        if event.event_type_value in ENDS:
            self.end_at = None

    @property
    def last(self) -> DagsterEvent | None:
        """DagsterEvent | None: the one that says how the attempt has ended, if it was told."""
        return next((event for event in reversed(self.events) if event.event_type_value in ENDS), None)


def end_of(running: Running, last: DagsterEvent) -> StepEnd:
    """How a step has ended, as its events tell."""
    if last.event_type_value == "STEP_SUCCESS":
        return StepResult(running.key, running.events).end
    data: Any = last.event_specific_data
    return StepEnd(seconds_to_wait=data.seconds_to_wait or 0.0) if isinstance(data, StepRetryData) else StepEnd()


def error_of(told: ToldError) -> BaseException:
    """The error that a process has told, as it was raised there, with its traceback there as a note."""
    error: BaseException = DagsterSubprocessError(told.info.message, [told.info])
    with suppress(Exception):  # this process may not have its class, or not the same
        error = pickles.loads(told.pickled) if told.pickled is not None else error
    error.add_note(f"It was raised in another process:\n{told.info.to_string()}")
    return error


def error_told_by(last: DagsterEvent) -> DagsterSubprocessError | None:
    """The error that failed a step, as far as its last event says it."""
    data = last.event_specific_data
    if not isinstance(data, StepFailureData) or data.error is None:
        return None
    return DagsterSubprocessError(data.error.message, [data.error])
