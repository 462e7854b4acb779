"""The life of one run: resources start, the run is recorded, steps are executed, the end is recorded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from core.definitions.executor import InitExecutorContext
from core.definitions.logger import InitLoggerContext
from core.definitions.resource import InitResourceContext
from core.errors import (
    DagsterError,
    DagsterExecutionInterruptedError,
    DagsterResourceFunctionError,
    user_code_error_boundary,
)
from core.events.payloads import (
    EngineEventData,
    EventSpecificData,
    PipelineCanceledData,
    PipelineFailureData,
    PipelineSuccessData,
    PlanVersionedData,
)
from core.events.records import DagsterEvent, EventLogEntry
from core.execution.ancestors import Ancestors, find_ancestors
from core.execution.context import PipelineContext
from core.execution.memo.decide import decide
from core.execution.memo.fingerprints import fingerprints_of
from core.execution.prepare import PreparedRun
from core.execution.requirements import check_requirements
from core.execution.resources import Resources, RunResources, keys_of
from core.execution.results import PipelineExecutionResult
from core.execution.steps.in_turn import users_own
from core.instance import DagsterInstance
from core.instance.event_writer import EventWriter
from core.log_manager import DagsterLogManager, EventSink
from core.serdes import SerializableErrorInfo, error_info
from core.usage import Usage, UsageMeter

_CONTEXT_TAGS = {"pipeline", "solid", "solid_definition", "step_key"}
"""What messages say of where they come from; tags of a run do not take their place."""

OnEvent = Callable[[DagsterEvent], None]


def execute_prepared(
    prepared: PreparedRun,
    instance: DagsterInstance,
    raise_on_error: bool,
    on_event: OnEvent | None = None,
) -> PipelineExecutionResult:
    """Executes a prepared run.

    Nothing is recorded until its resources are up and it is known which steps are to be executed, so that a run that
    is refused leaves nothing behind.

    Args:
        prepared: the run.
        instance: where it is recorded.
        raise_on_error: whether the first error ends the run and is raised.
        on_event: called with each event of the run when it happens.

    Raises:
        DagsterRunConflict: another process executes the run, which is stored, or it has ended; the run is refused.
        DagsterResourceUnavailableError: what a resource needs is not there; the run is refused.
        Exception: where `raise_on_error`, what failed it.
    """
    writer = EventWriter(instance.handle_new_events)
    sink = _event_sink(writer, on_event)
    ancestors = find_ancestors(instance, prepared.run, prepared.plan)
    context = pipeline_context(prepared, instance, raise_on_error, ancestors, sink)
    run = _Run(prepared, context, writer)
    try:
        return run.execute()
    finally:
        writer.close()


def _event_sink(writer: EventWriter, on_event: OnEvent | None) -> EventSink:
    if on_event is None:
        return writer.put

    def sink(entry: EventLogEntry) -> None:
        writer.put(entry)
        if entry.dagster_event is not None:
            on_event(entry.dagster_event)

    return sink


class _Run:
    """One run from its first resource to its last event."""

    def __init__(self, prepared: PreparedRun, context: PipelineContext, writer: EventWriter) -> None:
        self._prepared = prepared
        self._context = context
        self._writer = writer
        self._events: list[DagsterEvent] = []
        self._started = time.perf_counter()
        self._versioned: PlanVersionedData | None = None

    def execute(self) -> PipelineExecutionResult:
        try:
            resource_error = self._start_resources()
            planning_usage = self._context.usage.read()
            self._accept()
        except BaseException:
            self._context.resources.close()
            raise
        if resource_error is not None:
            return self._failed(resource_error)
        try:
            self._record_memoized()
            self._execute_steps()
            self._context.resources.close()
        except Exception as error:  # noqa: BLE001  recorded, and raised again where the caller wants it
            return self._failed(error)
        except BaseException as error:
            self._canceled(error)
            raise
        if any(event.is_step_failure for event in self._events):
            return self._failed(None)
        self._record_end(
            "PIPELINE_SUCCESS",
            f"Finished the run of pipeline {self._context.pipeline_name!r}.",
            PipelineSuccessData(self._duration_ms, self._usage, planning_usage),
        )
        return self._result()

    def _start_resources(self) -> DagsterResourceFunctionError | None:
        """Starts them, and decides what to execute; the error of a resource of the user's fails a run that exists."""
        check_requirements(self._prepared, self._context.instance)
        try:
            self._version_plan()
            if self._prepared.is_memoized:
                self._context.execution_plan = decide(self._context)
            self._context.resources.start(_keys_to_start(self._context, self._prepared))
        except DagsterResourceFunctionError as error:
            return error
        return None

    def _version_plan(self) -> None:
        """Works out the versions that the prepared plan lacks, and what is to be recorded of them."""
        fingerprints = fingerprints_of(self._context.execution_plan, self._context.resources)
        if fingerprints or self._prepared.is_memoized:
            versioning = self._prepared.versioning.with_fingerprints(fingerprints)
            self._context.execution_plan = versioning.versioned_plan()
            self._versioned = versioning.described()

    def _accept(self) -> None:
        """From here on the run exists, and this process executes it."""
        if self._prepared.is_stored:
            self._context.instance.take_up_run(self._context.run_id)
        else:
            self._context.instance.add_run(self._context.pipeline_run)
        name, run_id = self._context.pipeline_name, self._context.run_id
        self._context.instance.recover()
        self._context.instance.compute_log_manager.hide(self._context.run_id, self._prepared.secrets)
        self._record("PIPELINE_START", f"Started run {run_id} of {name!r} in mode {self._prepared.mode.name!r}.")
        self._writer.start()

    def _record_memoized(self) -> None:
        plan = self._context.execution_plan
        if self._prepared.is_memoized and self._versioned is not None:
            message = f"{len(plan.memoized)} of {len(self._versioned.steps)} steps are not executed."
            self._record("PLAN_VERSIONED", message, msgspec.structs.replace(self._versioned, lost=dict(plan.lost)))
        for key, data in plan.memoized.items():
            message = f"Step {key!r} is not executed: its outputs are stored, or needed by nobody."
            self._take(self._context.step_context(plan.steps[key]).record("STEP_MEMOIZED", message, data))

    def _execute_steps(self) -> None:
        plan = self._context.execution_plan
        if not plan.step_keys_to_execute:
            return
        _name, config = self._prepared.environment.execution
        init_context = InitExecutorContext(
            self._prepared.pipeline, self._prepared.executor_def, config, self._context.instance
        )
        executor = self._prepared.executor_def.create(init_context)
        for event in executor.execute(self._context, plan):
            self._take(event)

    def _failed(self, error: Exception | None) -> PipelineExecutionResult:
        try:
            self._context.resources.close()
        except DagsterError as close_error:
            error = error or close_error
        info = error_info(error) if error else None
        failed_steps = [event.step_key for event in self._events if event.is_step_failure]
        why = f"these steps failed: {', '.join(map(str, failed_steps))}" if failed_steps else str(error)
        self._record_end(
            "PIPELINE_FAILURE",
            f"The run of pipeline {self._context.pipeline_name!r} failed: {why}.",
            PipelineFailureData(info, self._duration_ms, self._usage),
            None if failed_steps else info,
        )
        if error is not None and self._context.raise_on_error:
            raise users_own(error)
        return self._result()

    def _canceled(self, error: BaseException) -> None:
        try:
            self._context.resources.close()
        finally:
            is_asked_for = isinstance(error, KeyboardInterrupt | DagsterExecutionInterruptedError)
            kind = "PIPELINE_CANCELED" if is_asked_for else "PIPELINE_FAILURE"
            info = error_info(error)
            data = PipelineCanceledData(info) if is_asked_for else PipelineFailureData(info, self._duration_ms)
            self._record_end(kind, f"The run was ended by {type(error).__name__}.", data)

    def _result(self) -> PipelineExecutionResult:
        return PipelineExecutionResult(self._context, self._events)

    def _record_end(
        self, event_type: str, message: str, data: EventSpecificData, error: SerializableErrorInfo | None = None
    ) -> None:
        for warning in self._context.instance.compute_log_manager.finish_run(self._context.pipeline_run):
            self._take(self._context.record("ENGINE_EVENT", warning, EngineEventData(), level=logging.WARNING))
        self._take(self._context.record(event_type, message, data, error))

    def _record(self, event_type: str, message: str, data: EventSpecificData | None = None) -> None:
        self._take(self._context.record(event_type, message, data))

    def _take(self, event: DagsterEvent) -> None:
        self._events.append(event)

    @property
    def _duration_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    @property
    def _usage(self) -> Usage:
        return self._context.usage.read()


def _keys_to_start(context: PipelineContext, prepared: PreparedRun) -> set[str]:
    """Keys of the resources that the steps to execute need: their own, and those that store and load values."""
    plan = context.execution_plan
    keys = set(prepared.executor_def.required_resource_keys)
    return keys.union(*(keys_of(plan, step) for step in plan.steps_to_execute))


def pipeline_context(
    prepared: PreparedRun,
    instance: DagsterInstance,
    raise_on_error: bool,
    ancestors: Ancestors,
    event_sink: EventSink,
) -> PipelineContext:
    """The context of a run that has not begun."""
    log = _log_manager(prepared, event_sink)
    usage = UsageMeter()
    run = prepared.run

    def init_context(key: str, required: Resources) -> InitResourceContext:
        config = prepared.environment.resources.get(key)
        definition = prepared.resource_defs[key]
        return InitResourceContext(config, definition, run, log, instance, required, usage, instance.leftovers)

    return PipelineContext(
        prepared.pipeline,
        prepared.mode,
        run,
        prepared.environment,
        instance,
        prepared.plan,
        log,
        RunResources(prepared.resource_defs, prepared.environment.resources, init_context),
        usage,
        raise_on_error,
        ancestors,
    )


def _log_manager(prepared: PreparedRun, event_sink: EventSink) -> DagsterLogManager:
    loggers: list[logging.Logger] = []
    for key, config in prepared.environment.loggers.items():
        definition = prepared.mode.logger_defs[key]
        init_context = InitLoggerContext(config, definition, prepared.pipeline, prepared.run.run_id)
        with user_code_error_boundary(DagsterResourceFunctionError, f"Logger {key!r} could not be made"):
            loggers.append(definition.create(init_context))
    user_tags = {key: value for key, value in prepared.run.tags.items() if key not in _CONTEXT_TAGS}
    tags = {**user_tags, "pipeline": prepared.pipeline.name}
    return DagsterLogManager(prepared.run.run_id, tags, loggers, event_sink)
