"""Events of a run, and the entries of its log."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from core.errors import DagsterInvariantViolationError
from core.events.event_types import DagsterEventType
from core.events.payloads import (
    EventSpecificData,
    PipelineFailureData,
    StepExpectationResultData,
    StepFailureData,
    StepInputData,
    StepMaterializationData,
    StepOutputData,
    StepRetryData,
    StepSuccessData,
)
from core.events.user_events import AssetKey
from core.serdes import SerializableErrorInfo

T = TypeVar("T")
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

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> result = execute_pipeline(pipeline(name="count")(lambda: one()))
        >>> [event.solid_name for event in result.event_list if event.is_step_success]
        ['one']
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
    def is_step_start(self) -> bool:
        """bool: STEP_START."""
        return self.event_type_value == "STEP_START"

    @property
    def is_step_skipped(self) -> bool:
        """bool: STEP_SKIPPED."""
        return self.event_type_value == "STEP_SKIPPED"

    @property
    def is_step_up_for_retry(self) -> bool:
        """bool: STEP_UP_FOR_RETRY."""
        return self.event_type_value == "STEP_UP_FOR_RETRY"

    @property
    def is_expectation_result(self) -> bool:
        """bool: STEP_EXPECTATION_RESULT."""
        return self.event_type_value == "STEP_EXPECTATION_RESULT"

    @property
    def is_handled_output(self) -> bool:
        """bool: HANDLED_OUTPUT."""
        return self.event_type_value == "HANDLED_OUTPUT"

    @property
    def is_loaded_input(self) -> bool:
        """bool: LOADED_INPUT."""
        return self.event_type_value == "LOADED_INPUT"

    @property
    def is_pipeline_success(self) -> bool:
        """bool: PIPELINE_SUCCESS."""
        return self.event_type_value == "PIPELINE_SUCCESS"

    @property
    def is_pipeline_failure(self) -> bool:
        """bool: PIPELINE_FAILURE."""
        return self.event_type_value == "PIPELINE_FAILURE"

    @property
    def step_input_data(self) -> StepInputData:
        """StepInputData: of STEP_INPUT; of other events these raise DagsterInvariantViolationError."""
        return self._data(StepInputData)

    @property
    def step_output_data(self) -> StepOutputData:
        """StepOutputData: of STEP_OUTPUT."""
        return self._data(StepOutputData)

    @property
    def step_success_data(self) -> StepSuccessData:
        """StepSuccessData: of STEP_SUCCESS."""
        return self._data(StepSuccessData)

    @property
    def step_failure_data(self) -> StepFailureData:
        """StepFailureData: of STEP_FAILURE."""
        return self._data(StepFailureData)

    @property
    def step_retry_data(self) -> StepRetryData:
        """StepRetryData: of STEP_UP_FOR_RETRY."""
        return self._data(StepRetryData)

    @property
    def step_materialization_data(self) -> StepMaterializationData:
        """StepMaterializationData: of ASSET_MATERIALIZATION."""
        return self._data(StepMaterializationData)

    @property
    def step_expectation_result_data(self) -> StepExpectationResultData:
        """StepExpectationResultData: of STEP_EXPECTATION_RESULT."""
        return self._data(StepExpectationResultData)

    @property
    def pipeline_failure_data(self) -> PipelineFailureData:
        """PipelineFailureData: of PIPELINE_FAILURE."""
        return self._data(PipelineFailureData)

    @property
    def asset_key(self) -> AssetKey | None:
        """AssetKey | None: the asset that was made, if the event is of one."""
        data = self.event_specific_data
        return AssetKey(data.asset_path) if isinstance(data, StepMaterializationData) else None

    @property
    def partition(self) -> str | None:
        """str | None: the partition of the asset that was made, if it has one."""
        data = self.event_specific_data
        return data.partition if isinstance(data, StepMaterializationData) else None

    def _data(self, data_type: type[T]) -> T:
        if not isinstance(self.event_specific_data, data_type):
            raise DagsterInvariantViolationError(
                f"An event {self.event_type_value} has no {data_type.__name__}; look at its event_specific_data."
            )
        return self.event_specific_data

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

    Example:
        >>> from core import DagsterInstance, execute_pipeline, pipeline, solid
        >>> @solid
        ... def greet(context):
        ...     context.log.warning("nobody is here")
        >>> with DagsterInstance.ephemeral() as instance:
        ...     run_id = execute_pipeline(pipeline(name="greetings")(lambda: greet()), instance=instance).run_id
        ...     entries = instance.all_logs(run_id)
        >>> [(entry.step_key, entry.user_message) for entry in entries if not entry.is_dagster_event]
        [('greet', 'nobody is here')]
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
