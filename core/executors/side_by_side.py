"""Running the steps of a run side by side, each in a process of its own, from the one process that records them."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Iterator

from core.compute_logs.names import ComputeIOType
from core.errors import DagsterExecutionInterruptedError, DagsterMaxRuntimeExceededError
from core.events.metadata import EventMetadataEntry
from core.events.payloads import EngineEventData, HandledOutputData, StepFailureData
from core.events.records import DagsterEvent, EventLogEntry
from core.execution.contexts.pipeline import PipelineContext
from core.execution.contexts.step import StepContext
from core.execution.steps.hooks import call_hooks
from core.execution.steps.in_turn import record_not_run, take_plan, users_own
from core.execution.steps.result import StepEnd
from core.execution.steps.step import failed_attempt, give_up_step
from core.execution.worker.records import StepOutcome
from core.execution.worker.steps import PROCESS_START
from core.executors.backend import Notice, ProcessEnd, Processes, Told
from core.executors.crashes import crash_of
from core.executors.limits import Slots
from core.executors.processes.messages import Ready
from core.executors.processes.run_jobs import RunJobs
from core.executors.running import ENDS, Running, end_of, error_of, error_told_by
from core.plan.progress import Attempt, Progress
from core.process.exit_codes import how_it_ended
from core.process.signals import deferring_signals
from core.records.claim import RENEWAL_SECONDS
from core.records.tags import MAX_RUNTIME_TAG, max_runtime_seconds
from core.serdes import error_info
from core.usage import Usage

_KILLED_SECONDS = 10.0  # how long it is waited for processes that were killed


class SideBySide:
    """The steps of one run.

    Args:
        pipeline_context: the run.
        jobs: what others are told of it, with its plan.
        processes: execute the steps.
        slots: how many at the same time.
        may_retry: whether a step is run again when it asks for that, or its policy says so.
        grace_seconds: how long a step that was interrupted may take to end, until its process is killed; and a process
            after its step.
    """

    def __init__(
        self,
        pipeline_context: PipelineContext,
        jobs: RunJobs,
        processes: Processes,
        slots: Slots,
        may_retry: bool,
        grace_seconds: float,
    ) -> None:
        self._run, self._jobs, self._processes = pipeline_context, jobs, processes
        self._executor = pipeline_context.environment_config.execution[0].capitalize()
        self._slots, self._may_retry = slots, may_retry
        self._grace_seconds = grace_seconds
        self._progress = Progress(
            jobs.plan, pipeline_context.ancestors.not_given, pipeline_context.versioning.expand, slots.limits_of
        )
        self._logs = pipeline_context.instance.compute_log_manager
        self._running: dict[int, Running] = {}
        self._untaken: deque[tuple[int, Told]] = deque()
        self._most_seconds = max_runtime_seconds(pipeline_context.pipeline_run.tags, "the run")
        self._end_at = None if self._most_seconds is None else time.monotonic() + self._most_seconds
        self._error: BaseException | None = None  # raised when what runs has ended
        self._resource_error: BaseException | None = None  # raised when all have ended, as where the run stops them

    def execute(self) -> Iterator[DagsterEvent]:
        """Executes all steps; yields their events as they happen.

        Raises:
            Exception: where the run raises errors, the first one of a step, when all that ran have ended.
            DagsterMaxRuntimeExceededError: the run took longer than its tag allows.
        """
        try:
            self._processes.start()
            yield self._engine_event(f"Executing steps in subprocesses of process {os.getpid()}.")
            yield from record_not_run(self._run, self._progress.take_not_run())
            while self._running or not self._is_done:
                self._run.check_claim()
                yield from self._begin_ready()
                for number, told in self._told(self._seconds_to_wait()):
                    yield from self._take(number, told)
                self._look_at_times()
            if error := self._error or self._resource_error:
                raise error
        except BaseException:
            self._break_off()
            raise
        finally:
            self._processes.close()

    @property
    def _is_done(self) -> bool:
        return self._progress.is_done or self._error is not None

    def _begin_ready(self) -> Iterator[DagsterEvent]:
        if self._progress.next_retry is not None:
            self._progress.wake(time.monotonic())
        while not self._slots.are_full and self._error is None:
            attempt = self._progress.begin_next(self._slots.has_one_within)
            if attempt is None:
                return
            yield self._begin(attempt)

    def _begin(self, attempt: Attempt) -> DagsterEvent:
        context = StepContext(self._run, attempt)
        self._slots.take(context.step)
        data = EngineEventData(marker_start=PROCESS_START)
        event = context.record("ENGINE_EVENT", f"Launching subprocess for step {attempt.step_key!r}.", data)
        with deferring_signals():  # or a log would be begun that nobody ends
            is_captured = self._logs.begin_watch(self._run.pipeline_run, attempt.step_key, attempt.number)
            number = self._processes.begin(self._jobs.of_step(attempt, is_captured))
            self._running[number] = Running(context, is_captured)
        return event

    def _told(self, seconds: float | None) -> Iterator[tuple[int, Told]]:
        """What the processes tell, waited for; each once, also where the run ends before it has come to it."""
        if not self._untaken:
            self._processes.wait(self._untaken, seconds)
        while self._untaken:
            yield self._untaken.popleft()

    def _take(self, number: int, told: Told) -> Iterator[DagsterEvent]:
        if isinstance(told, Ready):
            yield from self._ready(told)
            return
        if isinstance(told, Notice):
            yield self._engine_event(told.message, level=logging.WARNING)
            return
        running = self._running[number]
        if isinstance(told, EventLogEntry):
            yield from self._logged(running, told)
        elif isinstance(told, StepOutcome):
            yield from self._outcome(running, told)
        else:
            del self._running[number]
            if not running.has_ended:
                try:
                    yield from self._crashed(running, told)
                finally:
                    self._give_up(running, told)

    def _ready(self, ready: Ready) -> Iterator[DagsterEvent]:
        where = ready.where and f" of {ready.where}"
        entries = (
            EventMetadataEntry.int(ready.module_count, "modules"),
            EventMetadataEntry.float(ready.seconds, "seconds"),
            EventMetadataEntry.int(ready.memory_bytes, "memory_bytes"),
        )
        yield self._engine_event(
            f"Another process{where} has loaded the pipeline in {ready.seconds:.2f} s, from {ready.module_count} "
            f"modules. It takes {ready.memory_bytes >> 20} MiB.",
            entries,
        )
        if ready.why_not_forked is not None:
            yield self._engine_event(
                f"For each step a process loads the pipeline anew, because {ready.why_not_forked}.",
                level=logging.WARNING,
            )

    def _logged(self, running: Running, entry: EventLogEntry) -> Iterator[DagsterEvent]:
        event = entry.dagster_event
        if running.is_too_late and event is not None and event.event_type_value in ENDS:
            return  # what failed it is that it took too long
        self._run.log.store(entry)
        if event is not None:
            running.take(event)
            data = event.event_specific_data
            if isinstance(data, HandledOutputData) and data.stamp is not None:
                self._run.stamps[data.handle(running.key)] = data.stamp
            yield event

    def _outcome(self, running: Running, outcome: StepOutcome) -> Iterator[DagsterEvent]:
        self._run.usage.add_all(outcome.usage)
        for warning in outcome.log_warnings:
            self._logs.warn(self._run.run_id, warning)
        if running.is_too_late:
            yield from self._failed(running, self._too_late(running))
            return
        error = None if outcome.error is None else error_of(outcome.error)
        if outcome.breaks_off and error is not None:
            try:
                if running.last is None:  # a logger raised when it began
                    give_up_step(running.context, error)
            finally:
                self._end(running)
            raise error
        last = running.last
        if error is not None and last is None:  # of what comes before the step: a logger that cannot be made, say
            yield from self._failed(running, error)
        elif error is not None and last is not None and last.event_type_value == "STEP_SUCCESS":  # of what comes after
            self._error = self._error or error
            yield from self._ended(running, end_of(running, last), None)
        else:
            yield from self._ended(running, outcome.end, error)
        if outcome.resource_error is not None and self._resource_error is None:
            self._resource_error = error_of(outcome.resource_error)

    def _crashed(self, running: Running, end: ProcessEnd) -> Iterator[DagsterEvent]:
        last = running.last
        if last is not None:  # it was killed between having recorded that and having told it
            yield from self._ended(running, end_of(running, last), error_told_by(last))
            return
        if running.is_too_late:
            yield from self._failed(running, self._too_late(running))
            return
        key, attempt = running.key, running.context.attempt.number
        path = self._logs.get_local_path(self._run.run_id, key, ComputeIOType.STDERR, attempt)
        code = "unknown" if end.exit_code is None else end.exit_code
        message = f"{self._executor} executor: child process for step {key} unexpectedly exited with code {code}"
        yield running.context.record("ENGINE_EVENT", message, EngineEventData(), level=logging.ERROR)
        yield from self._failed(running, crash_of(key, end, path if running.is_captured else None))

    def _failed(self, running: Running, error: BaseException) -> Iterator[DagsterEvent]:
        """An attempt whose process did not say how it went has failed; its hooks are called here."""
        count = len(running.events)
        result = failed_attempt(running.context, running.events, error, running.started, Usage(), self._may_retry)
        if result.has_ended:
            call_hooks(running.context, running.events, error)
        yield from running.events[count:]
        yield from self._ended(running, result.end, result.error)

    def _ended(self, running: Running, end: StepEnd, error: BaseException | None) -> Iterator[DagsterEvent]:
        self._end(running)
        if error is not None and end == StepEnd() and self._run.raise_on_error:
            self._error = self._error or users_own(error)
        if self._error is not None:  # the run ends, and nothing follows from how this step has ended
            return
        end.tell(self._progress, running.key, time.monotonic())
        yield from take_plan(self._run, self._progress.plan)
        yield from record_not_run(self._run, self._progress.take_not_run())

    def _end(self, running: Running) -> None:
        with deferring_signals():
            running.has_ended = True
            running.end_at, running.kill_at = None, time.monotonic() + self._grace_seconds
            self._slots.give_back(running.key)
            if running.is_captured:
                self._logs.on_watch_finish(self._run.pipeline_run, running.key, running.context.attempt.number)

    # Times

    def _seconds_to_wait(self) -> float:
        times = [running.next_time for running in self._running.values()]
        times += [self._progress.next_retry if self._error is None else None, self._end_at]
        known = [each for each in times if each is not None]
        left = max(0.0, min(known) - time.monotonic()) if known else RENEWAL_SECONDS
        return min(left, RENEWAL_SECONDS)  # a process that was stopped notices that it has lost the run

    def _look_at_times(self) -> None:
        now = time.monotonic()
        if self._end_at is not None and self._end_at <= now:
            raise DagsterMaxRuntimeExceededError(
                f"The run took longer than the {self._most_seconds:g} s that its tag {MAX_RUNTIME_TAG!r} allows."
            )
        for number, running in self._running.items():
            if running.kill_at is not None and running.kill_at <= now:
                running.kill_at = None
                self._processes.send(number, signal.SIGKILL)
            elif running.end_at is not None and running.end_at <= now:
                running.is_too_late, running.end_at, running.kill_at = True, None, now + self._grace_seconds
                self._processes.send(number, signal.SIGINT)

    def _too_late(self, running: Running) -> DagsterMaxRuntimeExceededError:
        return DagsterMaxRuntimeExceededError(
            f"Step {running.key!r} took longer than the {running.context.step.max_runtime_seconds:g} s that its tag "
            f"{MAX_RUNTIME_TAG!r} allows."
        )

    # The end before the end

    def _break_off(self) -> None:
        """The run ends: what runs is interrupted, and killed when it does not end soon, or at another interrupt."""
        try:
            if self._processes.may_run:
                for number, running in self._running.items():
                    if not running.has_ended:
                        self._processes.send(number, signal.SIGINT)
                self._wait_for_ends(time.monotonic() + self._grace_seconds)
        finally:
            with deferring_signals():
                if self._processes.may_run:
                    for number in self._running:
                        self._processes.send(number, signal.SIGKILL)
                    self._wait_for_ends(time.monotonic() + _KILLED_SECONDS)
                for running in self._running.values():
                    self._give_up(running, None)

    def _wait_for_ends(self, until: float) -> None:
        while self._is_waited_for and (seconds := until - time.monotonic()) > 0:
            for number, told in self._told(seconds):
                running = self._running.get(number)
                if running is None or isinstance(told, Ready | Notice):
                    continue
                if isinstance(told, EventLogEntry):
                    for _event in self._logged(running, told):
                        pass
                elif isinstance(told, ProcessEnd):
                    self._give_up(running, told)
                    del self._running[number]

    @property
    def _is_waited_for(self) -> bool:
        return bool(self._untaken) or any(map(self._processes.lives, self._running))

    def _give_up(self, running: Running, end: ProcessEnd | None) -> None:
        """A step is over because the run is; that it failed is recorded, if it has begun and its process has not."""
        if running.has_ended:
            return
        try:
            if running.events and running.last is None:
                code = None if end is None else end.exit_code
                how = how_it_ended(code) if code is not None and code < 0 else "was ended by the end of the run"
                error = DagsterExecutionInterruptedError(f"the process of the step {how}")
                message = f"Step {running.key!r} {how}."
                running.context.record("STEP_FAILURE", message, StepFailureData(error_info(error)), error_info(error))
        finally:  # a logger may raise
            self._end(running)

    def _engine_event(
        self, message: str, entries: tuple[EventMetadataEntry, ...] = (), level: int | None = None
    ) -> DagsterEvent:
        return self._run.record("ENGINE_EVENT", message, EngineEventData(entries), level=level)
