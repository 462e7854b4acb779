"""The life of one run: resources start, the run is recorded, steps are executed, the end is recorded."""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack

from core.definitions.executor import InitExecutorContext
from core.errors import (
    DagsterError,
    DagsterExecutionInterruptedError,
    DagsterResourceFunctionError,
    DagsterUnmetExecutorRequirementsError,
)
from core.events.payloads import (
    EngineEventData,
    EventSpecificData,
    PipelineCanceledData,
    PipelineFailureData,
    PipelineSuccessData,
)
from core.events.records import DagsterEvent
from core.execution.broken_off import is_interrupt, what_ended
from core.execution.contexts.pipeline import PipelineContext
from core.execution.executor import Executor
from core.execution.memo.planning import FinalPlan, final_plan
from core.execution.opening import OpenRun, open_run
from core.execution.preparing.prepare import PreparedRun
from core.execution.preparing.requirements import check_requirements
from core.execution.recorded import as_stored
from core.execution.results import PipelineExecutionResult
from core.execution.run_log import OnEvent, RunLog
from core.execution.steps.in_turn import users_own
from core.forks import ending_forked_children
from core.instance import DagsterInstance
from core.plan import ExecutionPlan
from core.process.signals import deferring_signals, raise_if_terminated, raising_when_terminated
from core.serdes import SerializableErrorInfo, error_info
from core.usage import Usage
from core.wording import ended


def execute_prepared(
    prepared: PreparedRun, instance: DagsterInstance, raise_on_error: bool, on_event: OnEvent | None = None
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
        DagsterUnmetExecutorRequirementsError: the executor cannot run it; the run is refused.
        DagsterRunConflict: another process executes the run, which is stored, or it has ended; the run is refused.
        DagsterResourceUnavailableError: what a resource needs is not there; the run is refused.
        Exception: where `raise_on_error`, what failed it.
    """
    execution = RunExecution(prepared, instance, raise_on_error, on_event)
    deque(execution, maxlen=0)  # in C: no signal takes effect between two events, outside of the run
    return execution.result


class RunExecution:
    """A prepared run that is executed while its events are iterated: once, and as far as they are.

    An iterator that is closed before its end cancels the run. Between the events nothing is captured, and when the last
    ones come, which say how the run ended, it is stored and its resources are stopped.

    Args: as of `execute_prepared`.

    Attributes:
        result: of the run, once all events were iterated.

    Raises:
        DagsterUnmetExecutorRequirementsError: the executor cannot run it.
        Exception: where it is iterated, what `execute_prepared` raises.
    """

    result: PipelineExecutionResult

    def __init__(
        self, prepared: PreparedRun, instance: DagsterInstance, raise_on_error: bool, on_event: OnEvent | None = None
    ) -> None:
        check_requirements(prepared, instance)
        self._prepared, self._instance, self._raise_on_error = prepared, instance, raise_on_error
        self._log = RunLog(instance, prepared.secrets, on_event)

    def __iter__(self) -> Iterator[DagsterEvent]:
        with ending_forked_children(), raising_when_terminated():
            run = _Run(open_run(self._prepared, self._instance, self._log.take), self._log, self._raise_on_error)
            try:
                self.result = yield from run.execute()
            finally:
                run.close(sys.exception())
        yield from run.untold()


class _Run:
    """One run from its first resource to its last event."""

    def __init__(self, run: OpenRun, log: RunLog, raise_on_error: bool) -> None:
        self._run = run
        self._log = log
        self._raise_on_error = raise_on_error
        self._events: list[DagsterEvent] = []
        self._told = 0
        self._started = time.perf_counter()
        self._accepted: PipelineContext | None = None
        self._is_end_recorded = False
        self._noted = ExitStack()

    def untold(self) -> Iterator[DagsterEvent]:
        """The events of the run since it was asked last."""
        while self._told < len(self._events):
            self._told += 1
            yield self._events[self._told - 1]

    def execute(self) -> Generator[DagsterEvent, None, PipelineExecutionResult]:
        """Executes it; yields its events until its end begins, and returns its result."""
        try:
            with ending_forked_children():
                final, resource_error = self._plan()
                planning_usage = self._run.usage.read()
                context = PipelineContext(self._run, final.plan, final.versioning, self._raise_on_error)
                self._accept(context)
                if resource_error is not None:
                    raise resource_error
                self._record_memoized(context, final)
                yield from self.untold()
                yield from self._execute_steps(context)
                self._run.resources.close()
        except BaseException as error:
            if self._accepted is None:  # it is refused
                self._run.resources.close()
                raise
            if not isinstance(error, Exception):
                self._broken_off(self._accepted, error)
                raise
            return self._failed(self._accepted, error)
        if any(event.is_step_failure for event in self._events):
            return self._failed(context, None)
        message = f"Finished the run of pipeline {context.pipeline_name!r}."
        data = PipelineSuccessData(self._duration_ms, self._usage, planning_usage)
        self._record_end(context, "PIPELINE_SUCCESS", message, data)
        return PipelineExecutionResult(context, self._events)

    def close(self, error: BaseException | None) -> None:
        """Stores what is left of the log. Whatever has happened, a run that was accepted has ended then.

        Args:
            error: what ends the run, if something does.

        Raises:
            Exception: the log cannot be stored, so the run has failed.
        """
        with deferring_signals(), self._noted:
            try:
                if self._accepted is not None and not self._is_end_recorded:
                    self._record_break(self._accepted, error or RuntimeError("nothing has recorded how it ended"))
            finally:
                self._log.close(self._accepted)

    def _plan(self) -> tuple[FinalPlan, BaseException | None]:
        """Decides what to execute, and starts the resources for it.

        An error that a user's resource raised is returned and not raised: the run is accepted, and fails.
        """
        final = FinalPlan(self._run.prepared.plan, self._run.prepared.versioning)
        try:
            final = final_plan(self._run)
            self._run.resources.start(_keys_to_start(self._run.prepared, final.plan))
        except (DagsterResourceFunctionError, SystemExit) as error:
            if isinstance(error, DagsterExecutionInterruptedError):
                raise
            return final, error
        return final, None

    def _accept(self, context: PipelineContext) -> None:
        """From here on the run exists, and this process executes it."""
        with deferring_signals():
            self._noted.enter_context(context.instance.running_runs.executing(context.run_id))
            if self._run.prepared.is_stored:
                held = context.instance.take_up_run(context.run_id)
            else:
                held = context.instance.begin_run(as_stored(context.pipeline_run, self._run.prepared.secrets))
            self._accepted = context
            context.held_claim = held
            self._log.is_of(held)
        try:
            message = f"Started run {context.run_id} of {context.pipeline_name!r} in mode {context.mode_def.name!r}."
            self._events.append(context.record("PIPELINE_START", message))
        finally:
            with deferring_signals():  # a write that a signal cuts off would count as a log that cannot be stored
                self._log.start()  # also where a logger raised: how the run ends is stored too
        context.instance.recover()
        context.instance.compute_log_manager.hide(context.run_id, self._run.prepared.secrets)

    def _record_memoized(self, context: PipelineContext, final: FinalPlan) -> None:
        plan = final.plan
        if final.versioned is not None:
            message = f"{len(plan.memoized)} of {len(final.versioned.steps)} steps are not executed."
            self._events.append(context.record("PLAN_VERSIONED", message, final.versioned))
        for key, data in plan.memoized.items():
            message = f"Step {key!r} is not executed: its outputs are stored or not needed."
            self._events.append(context.record_step(plan.steps[key], "STEP_MEMOIZED", message, data))

    def _execute_steps(self, context: PipelineContext) -> Iterator[DagsterEvent]:
        if not context.execution_plan.step_keys_to_execute:
            return
        raise_if_terminated()
        events = self._executor().execute(context, context.execution_plan)
        try:
            for event in events:
                self._events.append(event)
                self._told = len(self._events)
                yield event
                raise_if_terminated()
        finally:
            if isinstance(events, Generator):  # its steps end before the resources that they use
                events.close()

    def _executor(self) -> Executor:
        prepared = self._run.prepared
        definition, (_name, config) = prepared.executor_def, prepared.environment.execution
        create = definition.executor_creation_fn
        init_context = InitExecutorContext(prepared.pipeline, definition, config, self._run.instance)
        made = create(init_context) if create is not None else None
        if not isinstance(made, Executor):
            raise DagsterUnmetExecutorRequirementsError(
                f"The creation function of executor {definition.name!r} must return an Executor; it returned {made!r}."
            )
        return made

    def _failed(self, context: PipelineContext, error: Exception | None) -> PipelineExecutionResult:
        try:
            self._run.resources.close()
        except DagsterError as close_error:
            error = error or close_error
        info = error_info(error) if error else None
        failed_steps = [event.step_key for event in self._events if event.is_step_failure]
        why = f"these steps failed: {', '.join(map(str, failed_steps))}" if failed_steps else str(error)
        message = ended(f"The run of pipeline {context.pipeline_name!r} failed: {why}")
        data = PipelineFailureData(info, self._duration_ms, self._usage)
        try:
            self._record_end(context, "PIPELINE_FAILURE", message, data, None if failed_steps else info)
        except Exception as record_error:  # noqa: BLE001  of a logger, say; what failed the run is told first
            error = error or record_error
        if error is not None and self._raise_on_error:
            raise users_own(error)
        return PipelineExecutionResult(context, self._events)

    def _broken_off(self, context: PipelineContext, error: BaseException) -> None:
        try:
            self._run.resources.close()
        except DagsterError as close_error:  # what ended the run is raised, and this told with it
            error.add_note(str(close_error))
        finally:
            self._record_break(context, error)

    def _record_break(self, context: PipelineContext, error: BaseException) -> None:
        info = error_info(error)
        message = f"The run was ended by {what_ended(error)}."
        if is_interrupt(error) or isinstance(error, GeneratorExit):  # the latter where the iterator was closed
            self._record_end(context, "PIPELINE_CANCELED", message, PipelineCanceledData(info))
        else:
            data = PipelineFailureData(info, self._duration_ms, self._usage)
            self._record_end(context, "PIPELINE_FAILURE", message, data)

    def _record_end(
        self,
        context: PipelineContext,
        event_type: str,
        message: str,
        data: EventSpecificData,
        error: SerializableErrorInfo | None = None,
    ) -> None:
        with deferring_signals():
            try:
                for warning in context.instance.compute_log_manager.finish_run(context.pipeline_run):
                    self._events.append(
                        context.record("ENGINE_EVENT", warning, EngineEventData(), level=logging.WARNING)
                    )
            finally:  # a logger may raise, each time
                self._is_end_recorded = True
                self._log.is_ending()
                self._events.append(context.record(event_type, message, data, error))

    @property
    def _duration_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000

    @property
    def _usage(self) -> Usage:
        return self._run.usage.read()


def _keys_to_start(prepared: PreparedRun, plan: ExecutionPlan) -> set[str]:
    """Keys of the resources that the steps to execute need: their own, their hooks', and those of values.

    Where steps are executed by other processes, these start what they need, but for what stores values: that the stores
    are there is asked here, so that a run is refused without them.
    """
    keys = set(prepared.executor_def.required_resource_keys)
    if prepared.executor_def.has_processes:
        return keys.union(output.io_manager_key for step in plan.steps_to_execute for output in step.outputs)
    return keys.union(*(plan.resource_keys_of(step) for step in plan.steps_to_execute))
