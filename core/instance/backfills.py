"""What an instance does with backfills."""

from __future__ import annotations

from core.errors import DagsterInvariantViolationError
from core.instance.events import EventsOfInstance
from core.records.backfill import BulkActionStatus, PartitionBackfill
from core.records.pipeline_run import NOT_BEGUN_STATUSES, PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.records.tags import BACKFILL_ID_TAG
from core.storage.schedules import ScheduleStorage
from core.storage.schedules.backfills import no_backfill


class BackfillsOfInstance(EventsOfInstance):
    """Backfills: stored, found, cancelled."""

    schedule_storage: ScheduleStorage | None

    @property
    def schedules(self) -> ScheduleStorage:
        """ScheduleStorage: the schedule storage; raises DagsterInvariantViolationError where there is none."""
        if self.schedule_storage is None:
            raise DagsterInvariantViolationError("This instance was made without a schedule_storage; give it one.")
        return self.schedule_storage

    def add_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        """Stores a new backfill, whose runs the daemon submits; see `ScheduleStorage.add_backfill`."""
        return self.schedules.add_backfill(partition_backfill)

    def get_backfill(self, backfill_id: str) -> PartitionBackfill | None:
        """The backfill, or None."""
        return self.schedules.get_backfill(backfill_id)

    def get_backfills(
        self, status: BulkActionStatus | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PartitionBackfill]:
        """Backfills, the newest first; see `ScheduleStorage.get_backfills`."""
        return self.schedules.get_backfills(status, cursor, limit)

    def update_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        """Replaces what is stored of a backfill; see `ScheduleStorage.update_backfill`."""
        return self.schedules.update_backfill(partition_backfill)

    def cancel_backfill(self, backfill_id: str) -> int:
        """Ends a backfill: it gets no further run, and those of its runs that wait are not launched. Others go on.

        Returns:
            How many of its runs waited and are cancelled now. One that is taken out of the queue at this moment ends
            too: whoever launches it asks `is_of_canceled_backfill` first.

        Raises:
            DagsterInvariantViolationError: there is no such backfill, or it has ended.
        """
        backfill = self.get_backfill(backfill_id)
        if backfill is None:
            raise no_backfill(backfill_id)
        if not self.schedules.end_backfill(backfill.with_status(BulkActionStatus.CANCELED)):
            status = self.schedules.get_backfill_status(backfill_id)
            raise DagsterInvariantViolationError(
                f"Backfill {backfill_id!r} has ended already: it is {status.value if status else 'gone'}."
            )
        return self._cancel_waiting(backfill_id)

    def _cancel_waiting(self, backfill_id: str) -> int:
        waiting = PipelineRunsFilter(tags={BACKFILL_ID_TAG: backfill_id}, statuses=tuple(NOT_BEGUN_STATUSES))
        canceled = [
            run
            for run in self.run_storage.get_runs(waiting)
            if self.run_storage.change_status(run.run_id, NOT_BEGUN_STATUSES, PipelineRunStatus.CANCELED)
        ]
        for run in canceled:
            self.report_run_canceled(run, f"The run was not launched: backfill {backfill_id!r} was cancelled.")
        return len(canceled)

    def is_of_canceled_backfill(self, run: PipelineRun) -> bool:
        """Whether a run is not to be launched any more, since the backfill that it is of was cancelled."""
        backfill_id = run.tags.get(BACKFILL_ID_TAG)
        if backfill_id is None or self.schedule_storage is None:
            return False
        return self.schedule_storage.get_backfill_status(backfill_id) is BulkActionStatus.CANCELED
