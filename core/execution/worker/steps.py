"""A run in a process that executes steps of it; another process decides which, and records what happens."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import msgspec

from core.compute_logs.capturing.captured_stream import shown_nowhere
from core.definitions.executor import ExecutorDefinition
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterError
from core.events.metadata import EventMetadataEntry
from core.events.payloads import EngineEventData
from core.execution.contexts.pipeline import PipelineContext
from core.execution.contexts.step import StepContext
from core.execution.opening import OpenRun, open_run
from core.execution.preparing.prepare import prepare_steps
from core.execution.steps.in_turn import users_own
from core.execution.steps.result import StepEnd
from core.execution.steps.step import attempt_step, begin_step
from core.execution.worker.records import Known, RunJob, StepJob, StepOutcome, ToldError
from core.instance.of_steps import InstanceOfSteps
from core.log_manager import EventSink
from core.plan.expand import expanded
from core.serdes import error_info
from core.types import pickles

PROCESS_START = "step_process_start"
"""Marks, in events, the time from when a process is asked for until it executes its step."""


class StepWorker:
    """Executes steps of one run.

    Args:
        job: the run.
        pipeline: its pipeline, loaded from the origin that the job names.
        default_executors: for modes that name none.

    Raises:
        DagsterInvalidConfigError: the run config does not fit here.
    """

    def __init__(
        self, job: RunJob, pipeline: PipelineDefinition, default_executors: Sequence[ExecutorDefinition]
    ) -> None:
        self._job = job
        self._prepared = prepare_steps(pipeline, default_executors, job.run)
        self._plan = msgspec.structs.replace(self._prepared.plan, is_memoized=job.is_memoized)
        self._instance = InstanceOfSteps(job.instance)
        _pid_entry()  # so that what is found out once of its class need not be in each child
        self.learn(job.known)

    def show_no_output(self) -> None:
        """What steps print is kept, and not shown here."""
        self._instance.compute_log_manager.echo = shown_nowhere

    def learn(self, known: Known) -> None:
        """Takes up what has become known of the plan."""
        plan = expanded(self._plan, known.keys).plan if known.keys else self._plan
        executed = plan.step_keys_to_execute
        if known.left_out is not None:
            executed = tuple(key for key in plan.steps if key not in known.left_out)
        versions = {**plan.versions, **known.versions}
        self._plan = msgspec.structs.replace(plan, versions=versions, step_keys_to_execute=executed)

    def execute(self, job: StepJob, put: EventSink, was_interrupted: Callable[[], bool]) -> StepOutcome:
        """Executes an attempt at a step, of which all that it needs is known.

        Args:
            job: the attempt.
            put: takes what is logged, when it happens.
            was_interrupted: whether this process was told to end.
        """
        try:
            run = open_run(self._prepared, self._instance, put, self._job.ancestors)
        except BaseException as raised:  # noqa: BLE001  a logger of the user's, which cannot be made
            return _broken(raised)
        context = PipelineContext(run, self._plan, self._prepared.versioning, False, starts_resources_for_steps=True)
        context.stamps.update(job.stamps)
        step_context = StepContext(context, job.attempt)
        logs, record = self._instance.compute_log_manager, self._job.run
        capture = logs.captured(record, job.attempt.step_key, job.attempt.number, True) if job.is_captured else None
        try:
            _tell_of_process(step_context)
            events = begin_step(step_context)
            result = attempt_step(step_context, events, self._job.may_retry, capture or nullcontext(), was_interrupted)
            end, error = result.end, result.error
            breaks_off = error is not None and not isinstance(error, Exception)
        except BaseException as raised:  # noqa: BLE001  the process of the run decides what follows from it
            end, error, breaks_off = StepEnd(), raised, True
        resource_error = _stopped(run)
        if breaks_off and error is not None and isinstance(resource_error, DagsterError):
            error.add_note(str(resource_error))  # as where the run stops them
        return StepOutcome(
            end,
            run.usage.read(),
            _told(error and users_own(error), error),
            breaks_off,
            tuple(logs.take_warnings(record.run_id)),
            _told(resource_error, resource_error),
        )


def _tell_of_process(step_context: StepContext) -> None:
    key, data = step_context.step.key, EngineEventData((_pid_entry(),), marker_end=PROCESS_START)
    step_context.record("ENGINE_EVENT", f"Executing step {key!r} in subprocess {os.getpid()}.", data)


def _told(error: BaseException | None, recorded: BaseException | None) -> ToldError | None:
    """An exception for the process of the run, and what is recorded of it."""
    if error is None or recorded is None:
        return None
    return ToldError(error_info(recorded), _pickled(error))


def _broken(error: BaseException) -> StepOutcome:
    return StepOutcome(StepEnd(), error=_told(users_own(error), error), breaks_off=not isinstance(error, Exception))


def _pid_entry() -> EventMetadataEntry:
    return EventMetadataEntry.text(str(os.getpid()), "pid")


def _pickled(error: BaseException) -> bytes | None:
    """An exception for the process of the run; None where it would not be the same there."""
    try:
        pickles.dump(error, pickled := io.BytesIO())
        content = pickled.getvalue()
        return content if type(pickles.loads(content)) is type(error) else None
    except Exception:  # noqa: BLE001  an exception of the user's can refuse in any way
        return None


def _stopped(run: OpenRun) -> BaseException | None:
    """Stops the resources that a step has started; what one of them raised."""
    try:
        run.resources.close()
    except BaseException as error:  # noqa: BLE001  the run fails of it
        return error
    return None
