"""What an instance does with runs that are executed elsewhere: it submits, launches and cancels them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from core.errors import DagsterInvariantViolationError, DagsterRunConflict
from core.events.records import DagsterEvent, EventLogEntry
from core.instance.backfills import BackfillsOfInstance
from core.instance.runs import RunsOfInstance, check_not_begun
from core.instance.stats import stats_of
from core.launcher import RunLauncher
from core.log_manager import DagsterLogManager
from core.records.claim import CLAIM_SECONDS, OFFERED
from core.records.origin import ExternalPipeline, ExternalPipelineOrigin
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.records.queue import Dequeued
from core.records.run_stats import PipelineRunStatsSnapshot
from core.run_coordinator import RunCoordinator

_WAITING = frozenset({PipelineRunStatus.NOT_STARTED, PipelineRunStatus.QUEUED})
_MOST_LAUNCHES = 3
Part = TypeVar("Part")


class RecordedPipeline:
    """The pipeline of a run, as its record says.

    Args:
        run: the run.
    """

    def __init__(self, run: PipelineRun) -> None:
        self._run = run

    @property
    def name(self) -> str:
        """str: the name of the pipeline."""
        return self._run.pipeline_name

    def get_external_origin(self) -> ExternalPipelineOrigin:
        """Where its code is; raises DagsterInvariantViolationError where the record does not say that."""
        origin = self._run.external_pipeline_origin
        if origin is None:
            raise DagsterInvariantViolationError(
                f"Run {self._run.run_id} does not say where the code of pipeline {self.name!r} is, so it can only be "
                "executed by who has the code; create it with an external_pipeline_origin."
            )
        return origin


class LaunchingOfInstance(RunsOfInstance, BackfillsOfInstance):
    """Runs: submitted, queued, launched, cancelled."""

    run_coordinator: RunCoordinator | None
    run_launcher: RunLauncher | None

    def submit_run(self, run_id: str, external_pipeline: ExternalPipeline | None = None) -> PipelineRun:
        """Hands a stored run to the run coordinator, and returns what that returns.

        Args:
            run_id: the run.
            external_pipeline: its pipeline; as the run's record says by default.

        Raises:
            DagsterInvariantViolationError: the instance has no run coordinator.
            DagsterRunNotFoundError: there is no such run.
            Exception: what the run coordinator raises.
        """
        run = self.get_existing_run(run_id)
        coordinator = _required(self.run_coordinator, "run_coordinator")
        return coordinator.submit_run(run, external_pipeline=external_pipeline or RecordedPipeline(run))

    def enqueue_run(self, run: PipelineRun) -> PipelineRun:
        """Puts a run that is stored into the queue; one that was put there, or begun, before is left as it is.

        Raises:
            DagsterInvariantViolationError: its record does not say where the code of its pipeline is.
        """
        if run.status is not PipelineRunStatus.NOT_STARTED:
            return run
        RecordedPipeline(run).get_external_origin()
        self._log_moves(run, [("PIPELINE_ENQUEUED", "The run waits to be launched.")])
        queued = PipelineRunStatus.QUEUED
        is_changed = self.run_storage.change_status(run.run_id, {PipelineRunStatus.NOT_STARTED}, queued)
        return run.with_status(queued) if is_changed else self.get_existing_run(run.run_id)

    def launch_run(self, run_id: str, external_pipeline: ExternalPipeline | None = None) -> PipelineRun:
        """Hands a stored run to the run launcher, and returns what that returns. A run that is not launched has failed.

        Args:
            run_id: the run.
            external_pipeline: its pipeline; as the run's record says by default.

        Raises:
            DagsterInvariantViolationError: the instance has no run launcher.
            DagsterRunNotFoundError: there is no such run.
            DagsterRunConflict: it is executed, or has ended.
            Exception: what the run launcher raises.
        """
        run = self.get_existing_run(run_id)
        launcher = _required(self.run_launcher, "run_launcher")
        claim = self.run_storage.claim_run(run_id, OFFERED, CLAIM_SECONDS, _WAITING, PipelineRunStatus.STARTING)
        if claim is None:
            check_not_begun(self.get_existing_run(run_id))
            raise DagsterRunConflict(f"Run {run_id} is being launched already.")
        self._log_moves(run, [("PIPELINE_STARTING", "The run is launched.")])
        starting = run.with_status(PipelineRunStatus.STARTING)
        try:
            return launcher.launch_run(starting, external_pipeline=external_pipeline or RecordedPipeline(run))
        except Exception as error:
            # Not where its process has begun all the same.
            if self.run_storage.change_status(run_id, {PipelineRunStatus.STARTING}, PipelineRunStatus.FAILURE, claim):
                self._log_moves(run, [("PIPELINE_FAILURE", f"The run was not launched: {error}")])
            raise

    def launch_dequeued_run(self, dequeued: Dequeued) -> None:
        """Hands a run that was taken out of the queue to the run launcher.

        One that is not launched goes back into the queue, and fails when that has happened several times.

        Raises:
            Exception: what the run launcher raises.
        """
        run, claim = dequeued.run, dequeued.claim
        if self.is_of_canceled_backfill(run):
            if self.run_storage.change_status(
                run.run_id, {PipelineRunStatus.STARTING}, PipelineRunStatus.CANCELED, claim
            ):
                self._log_moves(run, [("PIPELINE_CANCELED", "The run was not launched: its backfill was cancelled.")])
            return
        moves = [("PIPELINE_DEQUEUED", "The run is next."), ("PIPELINE_STARTING", "The run is launched.")]
        self._log_moves(run, moves)
        try:
            launcher = _required(self.run_launcher, "run_launcher")
            launcher.launch_run(run, external_pipeline=RecordedPipeline(run))
        except Exception as error:
            is_last = self.run_storage.count_launches(run.run_id) >= _MOST_LAUNCHES
            status = PipelineRunStatus.FAILURE if is_last else PipelineRunStatus.QUEUED
            # Not where its process has begun all the same.
            if self.run_storage.change_status(run.run_id, {PipelineRunStatus.STARTING}, status, claim):
                self._log_moves(run, [_not_launched(error, is_last)])
            raise

    def can_cancel_waiting_run(self, run_id: str) -> bool:
        """Whether a run has not been launched yet."""
        run = self.get_run_by_id(run_id)
        return run is not None and run.status in _WAITING

    def cancel_waiting_run(self, run_id: str) -> bool:
        """Cancels a run that has not been launched yet; False where it has."""
        if not self.run_storage.change_status(run_id, _WAITING, PipelineRunStatus.CANCELED):
            return False
        run = self.get_existing_run(run_id)
        self._log_moves(run, [("PIPELINE_CANCELED", "The run was cancelled before it was launched.")])
        return True

    def can_terminate_run(self, run_id: str) -> bool:
        """Whether the run launcher can end a run."""
        return self.run_launcher is not None and self.run_launcher.can_terminate(run_id)

    def terminate_run(self, run_id: str) -> bool:
        """Has the run launcher end a run; False where it has ended, or there is no launcher."""
        return self.run_launcher is not None and self.run_launcher.terminate(run_id)

    def cancel_run(self, run_id: str) -> bool:
        """Ends a run that was submitted: one that waits is not launched, one that was launched is asked to end.

        Returns:
            True when that was done; False where it has ended already, or is executed by nobody who can be asked.

        Raises:
            DagsterRunNotFoundError: there is no such run.
            DagsterInvariantViolationError: the instance has no run coordinator.
        """
        self.get_existing_run(run_id)
        return _required(self.run_coordinator, "run_coordinator").cancel_run(run_id)

    def get_run_stats(self, run_id: str) -> PipelineRunStatsSnapshot:
        """What the log of a run says of it, in numbers; an unknown run has done nothing."""
        return stats_of(run_id, self.all_logs(run_id))

    def _log_moves(self, run: PipelineRun, moves: Sequence[tuple[str, str]]) -> None:
        """Records where a run has come to, which its status says already."""
        entries: list[EventLogEntry] = []
        log = DagsterLogManager(run.run_id, event_sink=entries.append)
        for event_type, message in moves:
            log.log_dagster_event(DagsterEvent(event_type, run.pipeline_name, message))
        self.event_log_storage.store_events(entries)


def _not_launched(error: Exception, is_last: bool) -> tuple[str, str]:
    if is_last:
        return "PIPELINE_FAILURE", f"The run was not launched, tried {_MOST_LAUNCHES} times: {error}"
    return "PIPELINE_ENQUEUED", f"The run was not launched, and waits again: {error}"


def _required(part: Part | None, section: str) -> Part:
    if part is None:
        raise DagsterInvariantViolationError(
            f"This instance has no {section}; name a class for it in the section {section} of dagster.yaml."
        )
    return part
