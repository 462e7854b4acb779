"""Events of a run, and the entries of its log."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime

import msgspec

from core.events.event_types import DagsterEventType
from core.events.payloads import EventSpecificData
from core.serdes import SerializableErrorInfo

_FAILURES = {"STEP_FAILURE", "PIPELINE_FAILURE"}
_OF_HOOKS = {"HOOK_COMPLETED", "HOOK_ERRORED", "HOOK_SKIPPED"}


class DagsterEvent(msgspec.Struct, frozen=True):
    """Something that happened in a run.

    Attributes:
        event_type_value: the value of a `DagsterEventType`.
        pipeline_name: the pipeline.
        message: a description for people.
        step_key: the step, if it is about one.
        solid_name: the solid of that step.
        event_specific_data: the payload of this type of event.
        pid: the process it happened in.
    """

    event_type_value: str
    pipeline_name: str
    message: str | None = None
    step_key: str | None = None
    solid_name: str | None = None
    event_specific_data: EventSpecificData | None = None
    pid: int = msgspec.field(default_factory=os.getpid)

    @property
    def event_type(self) -> DagsterEventType:
        """DagsterEventType: what happened."""
        return DagsterEventType(self.event_type_value)

    @property
    def is_step_event(self) -> bool:
        """bool: whether it is about a step."""
        return self.step_key is not None

    @property
    def is_failure(self) -> bool:
        """bool: whether a step or the run failed."""
        return self.event_type_value in _FAILURES

    @property
    def is_hook_event(self) -> bool:
        """bool: whether it says what became of a hook of a step."""
        return self.event_type_value in _OF_HOOKS

    @property
    def is_step_success(self) -> bool:
        """bool: STEP_SUCCESS."""
        return self.event_type_value == "STEP_SUCCESS"

    @property
    def is_step_failure(self) -> bool:
        """bool: STEP_FAILURE."""
        return self.event_type_value == "STEP_FAILURE"

    @property
    def is_successful_output(self) -> bool:
        """bool: STEP_OUTPUT."""
        return self.event_type_value == "STEP_OUTPUT"

    @property
    def is_step_materialization(self) -> bool:
        """bool: ASSET_MATERIALIZATION."""
        return self.event_type_value == "ASSET_MATERIALIZATION"

    @property
    def log_level(self) -> int:
        """int: the level of its entry in the log: ERROR for failures, DEBUG for everything else."""
        return logging.ERROR if self.is_failure else logging.DEBUG


class EventLogEntry(msgspec.Struct, frozen=True):
    """One line of a run's log: an event, or a message that user code logged.

    Attributes:
        error_info: the error it reports.
        message: the message with its context (pipeline, run, step).
        level: a level of the `logging` module.
        user_message: the message alone.
        run_id: the run.
        timestamp: Unix time in seconds; `time` is the same with a timezone.
        step_key: the step, if it is about one.
        pipeline_name: the pipeline.
        dagster_event: the event; None for a logged message.
    """

    error_info: SerializableErrorInfo | None
    message: str
    level: int
    user_message: str
    run_id: str
    timestamp: float
    step_key: str | None = None
    pipeline_name: str | None = None
    dagster_event: DagsterEvent | None = None

    @property
    def time(self) -> datetime:
        """datetime: the timestamp, in UTC."""
        return datetime.fromtimestamp(self.timestamp, UTC)

    @property
    def is_dagster_event(self) -> bool:
        """bool: whether it is an event rather than a logged message."""
        return self.dagster_event is not None
