"""The data that an event of each type carries: one record for each type."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from core.errors import DagsterInvariantViolationError
from core.events.metadata import EventMetadataEntry
from core.events.user_events import (
    DEFAULT_OUTPUT,
    AssetKey,
    AssetMaterialization,
    ExpectationResult,
    Failure,
    TypeCheck,
)
from core.serdes import SerializableErrorInfo, from_json, to_json
from core.usage import Usage


class StepOutputHandle(msgspec.Struct, frozen=True, order=True):
    """One output of one step of a run; of a dynamic output, one of its values.

    Attributes:
        step_key: the step.
        output_name: the output.
        mapping_key: which value of a dynamic output; None for an output that is not dynamic.

    Example:
        >>> from core import execute_solid, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> execute_solid(one).get_output_event_for_compute().step_output_data.step_output_handle
        StepOutputHandle(step_key='one', output_name='result', mapping_key=None)
    """

    step_key: str
    output_name: str = DEFAULT_OUTPUT
    mapping_key: str | None = None

    @property
    def name_in_step(self) -> str:
        """str: which of its step's values it is, for people: `result`, or `result[key]` of a dynamic output."""
        return self.output_name if self.mapping_key is None else f"{self.output_name}[{self.mapping_key}]"

    def __str__(self) -> str:
        return f"{self.step_key}.{self.name_in_step}"


class StepInputData(msgspec.Struct, frozen=True, tag=True):
    """STEP_INPUT: an input's value was loaded and its type checked."""

    input_name: str
    type_check_success: bool = True
    type_check_description: str | None = None
    type_check_metadata: tuple[EventMetadataEntry, ...] = ()

    @property
    def type_check_data(self) -> TypeCheck:
        """TypeCheck: what the type check answered."""
        return TypeCheck(self.type_check_success, self.type_check_description, self.type_check_metadata)


class StepOutputData(msgspec.Struct, frozen=True, tag=True):
    """STEP_OUTPUT: a value was yielded and its type checked."""

    step_output_handle: StepOutputHandle
    type_check_success: bool = True
    type_check_description: str | None = None
    version: str | None = None
    metadata_entries: tuple[EventMetadataEntry, ...] = ()
    type_check_metadata: tuple[EventMetadataEntry, ...] = ()

    @property
    def type_check_data(self) -> TypeCheck:
        """TypeCheck: what the type check answered."""
        return TypeCheck(self.type_check_success, self.type_check_description, self.type_check_metadata)

    @property
    def output_name(self) -> str:
        """str: the output."""
        return self.step_output_handle.output_name

    @property
    def mapping_key(self) -> str | None:
        """str | None: which value of a dynamic output."""
        return self.step_output_handle.mapping_key


class HandledOutputData(msgspec.Struct, frozen=True, tag=True):
    """HANDLED_OUTPUT: an IO manager stored a value.

    Attributes:
        output_name: the output, of the event's step.
        manager_key: the resource key of the IO manager.
        version: of the output; None where it has none.
        address: where the value is, as a path or URL, if the IO manager says.
        metadata_entries: what the IO manager yielded.
        stamp: what tells the value from another at its address, if the IO manager says.
        is_given: False where what was stored is that the solid did not give this output in that version.
        mapping_key: which value of a dynamic output.
        is_early: whether the solid's function went on when it was stored, so that the step may have failed yet.
    """

    output_name: str
    manager_key: str
    version: str | None = None
    address: str | None = None
    metadata_entries: tuple[EventMetadataEntry, ...] = ()
    stamp: str | None = None
    is_given: bool = True
    mapping_key: str | None = None
    is_early: bool = False

    def handle(self, step_key: str) -> StepOutputHandle:
        """The output, given the step that its event is about."""
        return StepOutputHandle(step_key, self.output_name, self.mapping_key)


class LoadedInputData(msgspec.Struct, frozen=True, tag=True):
    """LOADED_INPUT: an IO manager gave an input's value back.

    Attributes:
        input_name: the input, of the event's step.
        manager_key: the resource key of the IO manager.
        upstream_output_name: the output that feeds it.
        upstream_step_key: the step of that output.
        upstream_mapping_key: which value of it, where it is dynamic.
    """

    input_name: str
    manager_key: str
    upstream_output_name: str | None = None
    upstream_step_key: str | None = None
    upstream_mapping_key: str | None = None


class StepSuccessData(msgspec.Struct, frozen=True, tag=True):
    """STEP_SUCCESS: how long the step took, and its requests to remote storage."""

    duration_ms: float
    usage: Usage = Usage()


class StepFailureData(msgspec.Struct, frozen=True, tag=True):
    """STEP_FAILURE: why the step failed; `user_failure_description` is given if the solid raised `Failure`."""

    error: SerializableErrorInfo | None
    duration_ms: float = 0.0
    usage: Usage = Usage()
    user_failure_description: str | None = None
    metadata_entries: tuple[EventMetadataEntry, ...] = ()

    @property
    def user_failure_data(self) -> Failure | None:
        """Failure | None: the Failure that the solid raised, if it said something."""
        if self.user_failure_description is None and not self.metadata_entries:
            return None
        return Failure(self.user_failure_description, list(self.metadata_entries))


class StepRetryData(msgspec.Struct, frozen=True, tag=True):
    """STEP_UP_FOR_RETRY: why the step is to be run again, and how long until the next attempt."""

    error: SerializableErrorInfo | None
    seconds_to_wait: float = 0.0


class HookErroredData(msgspec.Struct, frozen=True, tag=True):
    """HOOK_ERRORED: a hook of the step raised, which fails no step."""

    error: SerializableErrorInfo | None
    hook_name: str = ""


class MemoizedOutput(msgspec.Struct, frozen=True):
    """An output that was found instead of computed.

    Attributes:
        output_name: the output, of the event's step.
        version: which version of it.
        address: where it is, as a path or URL.
        run_id: the run that made it, if known.
        stamp: what tells the value from another at its address, if the IO manager says.
        is_given: False where what was found is that the solid did not give this output.
        mapping_key: which value of a dynamic output.
    """

    output_name: str
    version: str
    address: str | None = None
    run_id: str | None = None
    stamp: str | None = None
    is_given: bool = True
    mapping_key: str | None = None

    def handle(self, step_key: str) -> StepOutputHandle:
        """The output, given the step that its event is about."""
        return StepOutputHandle(step_key, self.output_name, self.mapping_key)


class StepMemoizedData(msgspec.Struct, frozen=True, tag=True):
    """STEP_MEMOIZED: the step was not executed, since its `outputs` were found in storage."""

    outputs: tuple[MemoizedOutput, ...]


class VersionedStep(msgspec.Struct, frozen=True):
    """The facts from which the versions of a step's outputs were computed, without secrets.

    Attributes:
        step_key: the step.
        definition: the name of its solid's definition, a key of `PlanVersionedData.solids`.
        resources: the keys of all resources that it requires, directly or through others.
        facts: those of the step itself, such as `config months`: `[1, 2]` and `input rows`: `join.result 5c1f…`.
        outputs: the version of each output by name; None for those without a version.
        unversioned: why the outputs have no version; "" if they have one.
        materialized: the outputs that the run config has written by the materializers of their types.
    """

    step_key: str
    definition: str
    resources: tuple[str, ...]
    facts: dict[str, str]
    outputs: dict[str, str | None]
    unversioned: str = ""
    materialized: tuple[str, ...] = ()


class PlanVersionedData(msgspec.Struct, frozen=True, tag=True):
    """PLAN_VERSIONED: the facts from which the versions in a memoized run were computed; they explain why steps ran.

    Attributes:
        steps: the steps of the run, in order.
        solids: definition name -> facts such as `version`: `2` and `code helpers.parse_time`: `1b0e…`.
        resources: resource key -> such facts, and others such as `config host`: `'localhost'`.
        refreshed: keys of the steps that were executed on request.
        lost: step key -> the address of a value of that step which is gone or damaged.
        expanded: keys of steps that stood for others until mapping keys were known; in an event that tells of what
            became known while the run went on.
    """

    steps: tuple[VersionedStep, ...]
    solids: dict[str, dict[str, str]]
    resources: dict[str, dict[str, str]]
    refreshed: tuple[str, ...] = ()
    lost: dict[str, str] = {}
    expanded: tuple[str, ...] = ()


class AssetLineageInfo(msgspec.Struct, frozen=True):
    """An asset that another one was made from.

    Attributes:
        asset_path: of its key.
        partitions: those that were taken, sorted; none where the asset has none.
    """

    asset_path: tuple[str, ...]
    partitions: tuple[str, ...] = ()

    @property
    def asset_key(self) -> AssetKey:
        """AssetKey: its key."""
        return AssetKey(self.asset_path)


class StepMaterializationData(msgspec.Struct, frozen=True, tag=True):
    """ASSET_MATERIALIZATION: the parts of an AssetMaterialization, and the assets that it was made from."""

    asset_path: tuple[str, ...]
    description: str | None = None
    metadata_entries: tuple[EventMetadataEntry, ...] = ()
    partition: str | None = None
    tags: dict[str, str] = {}
    asset_lineage: tuple[AssetLineageInfo, ...] = ()

    @staticmethod
    def of(made: AssetMaterialization) -> StepMaterializationData:
        """The record of a materialization."""
        return StepMaterializationData(
            made.asset_key.path, made.description, made.metadata_entries, made.partition, made.tags
        )

    @property
    def materialization(self) -> AssetMaterialization:
        """AssetMaterialization: the object that the solid gave."""
        return AssetMaterialization(
            AssetKey(self.asset_path), self.description, self.metadata_entries, self.partition, self.tags
        )


class StepExpectationResultData(msgspec.Struct, frozen=True, tag=True):
    """STEP_EXPECTATION_RESULT: the parts of an ExpectationResult."""

    success: bool
    label: str | None = None
    description: str | None = None
    metadata_entries: tuple[EventMetadataEntry, ...] = ()

    @staticmethod
    def of(result: ExpectationResult) -> StepExpectationResultData:
        """The record of a result."""
        return StepExpectationResultData(result.success, result.label, result.description, result.metadata_entries)

    @property
    def expectation_result(self) -> ExpectationResult:
        """ExpectationResult: the object that the solid gave."""
        return ExpectationResult(self.success, self.label, self.description, self.metadata_entries)


class ComputeLogsCaptureData(msgspec.Struct, frozen=True, tag=True):
    """LOGS_CAPTURED: the key under which the compute log manager keeps the step's stdout and stderr."""

    log_key: str
    step_keys: tuple[str, ...]


class EngineEventData(msgspec.Struct, frozen=True, tag=True):
    """ENGINE_EVENT: something that happened in the engine, not in a solid."""

    metadata_entries: tuple[EventMetadataEntry, ...] = ()
    error: SerializableErrorInfo | None = None
    marker_start: str | None = None
    marker_end: str | None = None


class PipelineSuccessData(msgspec.Struct, frozen=True, tag=True):
    """PIPELINE_SUCCESS: totals of the run; `planning_usage` is the part for deciding which steps to execute."""

    duration_ms: float = 0.0
    usage: Usage = Usage()
    planning_usage: Usage = Usage()


class PipelineFailureData(msgspec.Struct, frozen=True, tag=True):
    """PIPELINE_FAILURE: why the run failed, if no step did."""

    error: SerializableErrorInfo | None = None
    duration_ms: float = 0.0
    usage: Usage = Usage()


class PipelineCanceledData(msgspec.Struct, frozen=True, tag=True):
    """PIPELINE_CANCELED: the error that ended the run."""

    error: SerializableErrorInfo | None = None


T = TypeVar("T", bound=msgspec.Struct)


def as_recorded(data: T, what: str) -> T:
    """A payload that holds what users gave, as it will be read from the log: with plain numbers and text in it.

    Args:
        data: the payload.
        what: what the user gave, for the message.

    Raises:
        DagsterInvariantViolationError: it could not be written or read, which would cost the run its whole log.
    """
    try:
        return from_json(type(data), to_json(data, replace_surrogates=True))
    except (msgspec.ValidationError, DagsterInvariantViolationError, ValueError) as error:
        raise DagsterInvariantViolationError(
            f"{what} cannot be recorded: {str(error).rstrip('.')}. Give labels and descriptions that are text, and "
            "metadata that JSON can hold."
        ) from error


EventSpecificData = (
    StepInputData
    | StepOutputData
    | HandledOutputData
    | LoadedInputData
    | StepSuccessData
    | StepFailureData
    | StepRetryData
    | HookErroredData
    | StepMemoizedData
    | PlanVersionedData
    | StepMaterializationData
    | StepExpectationResultData
    | ComputeLogsCaptureData
    | EngineEventData
    | PipelineSuccessData
    | PipelineFailureData
    | PipelineCanceledData
)
