"""The role that submits the runs of backfills."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from core.daemon.roles.asking import AskingRole
from core.daemon.roles.known_code import KnownCode, KnownRepository
from core.daemon.roles.reserved_runs import create_and_submit_one
from core.daemon.roles.told_errors import info_of
from core.errors import DagsterStorageError, DagsterUserCodeUnreachableError
from core.events import DagsterEventType
from core.instance import DagsterInstance
from core.records.backfill import BackfillPartition, BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.records.reserved_run import ReservedRun
from core.records.tags import (
    BACKFILL_ID_TAG,
    HIDDEN_TAG_PREFIX,
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    PARTITION_SET_TAG,
    PRIORITY_TAG,
    RESUME_RETRY_TAG,
    ROOT_RUN_ID_TAG,
)
from core.serdes import SerializableErrorInfo

DEFAULT_PRIORITY = "-1"  # what schedules and people ask for goes first
_LONGEST_SLEEP_SECONDS = 5.0  # a backfill that was asked for meanwhile is noticed then
_SIDE_BY_SIDE = 8
_SUBMITTED_AT_ONCE = 25
_SHOWN_NAMES = 5


class BackfillRole(AskingRole):
    """Submits a run for each partition of the backfills that are asked for, in their order.

    The id of each run is stored with the backfill, and what is submitted is noted by partition: a backfill that was cut
    off, or whose code was away, is gone on with, and no run comes twice. One that is cancelled gets no further run.
    """

    daemon_type = "BACKFILL"

    def __init__(self, instance: DagsterInstance, code: KnownCode) -> None:
        super().__init__(instance, code, at_most=_SIDE_BY_SIDE)

    def turn(self, claim: Any) -> float:
        """Does what is due, and returns in how many seconds it wants its next turn at the latest."""
        self._code.refresh()
        repositories = {known.snapshot.origin: known for known in self._code.repositories()}
        for backfill in reversed(self._storage.get_backfills(BulkActionStatus.REQUESTED)):
            known = repositories.get(backfill.partition_set_origin.external_repository_origin)
            if known is not None:
                self.flights.start(backfill.backfill_id, partial(self._submit, backfill, known))
        return _LONGEST_SLEEP_SECONDS

    def _submit(self, backfill: PartitionBackfill, known: KnownRepository) -> None:
        requested, first_error = BackfillPartitionStatus.REQUESTED, None
        while left := self._storage.get_backfill_partitions(backfill.backfill_id, requested, _SUBMITTED_AT_ONCE):
            for partition in left:
                if self._storage.get_backfill_status(backfill.backfill_id) is not BulkActionStatus.REQUESTED:
                    return
                try:
                    status = self._submit_one(backfill, partition, known)
                except DagsterUserCodeUnreachableError:
                    return  # it is gone on with when somebody answers
                except DagsterStorageError:
                    raise
                except Exception as error:  # noqa: BLE001  of the user's code, or of the coordinator
                    status, first_error = BackfillPartitionStatus.FAILED, first_error or info_of(error)
                self._storage.set_backfill_partitions(backfill.backfill_id, [partition.run_id], status)
        self._end(backfill, first_error)

    def _submit_one(
        self, backfill: PartitionBackfill, partition: BackfillPartition, known: KnownRepository
    ) -> BackfillPartitionStatus:
        tags = {PRIORITY_TAG: DEFAULT_PRIORITY, **backfill.tags, BACKFILL_ID_TAG: backfill.backfill_id}
        if backfill.from_failure or backfill.reexecution_steps is not None:
            return self._execute_again(backfill, partition, tags)
        snapshot = known.snapshot.partition_set(backfill.partition_set_name)
        pipeline = known.snapshot.pipeline(snapshot.pipeline_name)
        asked = known.location.partition_run(
            known.snapshot.name, snapshot.name, partition.partition_name, self._deadline_seconds
        )
        run = ReservedRun(
            partition.run_id,
            known.snapshot.external_pipeline(pipeline.name).origin,
            None,
            dict(asked.run_config),
            {**pipeline.tags, **asked.tags, **tags},
            snapshot.mode,
            snapshot.solid_selection,
        )
        create_and_submit_one(self._instance, run)
        return BackfillPartitionStatus.SUBMITTED

    def _execute_again(
        self, backfill: PartitionBackfill, partition: BackfillPartition, tags: dict[str, str]
    ) -> BackfillPartitionStatus:
        """Steps of the last run for a partition, in a new run; or those that failed, with all that they feed."""
        of_partition = {PARTITION_SET_TAG: backfill.partition_set_name, PARTITION_NAME_TAG: partition.partition_name}
        found = self._instance.get_runs(PipelineRunsFilter(tags=of_partition), limit=2)
        parent = next((run for run in found if run.run_id != partition.run_id), None)
        if parent is None or parent.external_pipeline_origin is None:
            return BackfillPartitionStatus.SKIPPED
        steps: Sequence[str] | None = backfill.reexecution_steps
        if backfill.from_failure:
            if parent.status is not PipelineRunStatus.FAILURE:
                return BackfillPartitionStatus.SKIPPED
            tags = {**tags, RESUME_RETRY_TAG: "true"}
            steps = self._failed_steps(parent)
        root_run_id = parent.root_run_id or parent.run_id
        lineage = {PARENT_RUN_ID_TAG: parent.run_id, ROOT_RUN_ID_TAG: root_run_id}
        kept = {key: value for key, value in parent.tags.items() if not key.startswith(HIDDEN_TAG_PREFIX)}
        run = ReservedRun(
            partition.run_id,
            parent.external_pipeline_origin,
            None,
            dict(parent.run_config),
            {**kept, **tags, **lineage},
            parent.mode,
            None if parent.solid_selection is None else tuple(parent.solid_selection),
        )
        create_and_submit_one(self._instance, run, parent.run_id, root_run_id, steps)
        return BackfillPartitionStatus.SUBMITTED

    def _failed_steps(self, run: PipelineRun) -> list[str] | None:
        """Queries for what is left to do; None for all of it, where the run failed and none of its steps did."""
        failed = self._instance.all_logs(run.run_id, DagsterEventType.STEP_FAILURE)
        keys = [entry.dagster_event.step_key for entry in failed if entry.dagster_event is not None]
        return [f"{key}*" for key in dict.fromkeys(keys)] or None

    def _end(self, backfill: PartitionBackfill, error: SerializableErrorInfo | None) -> None:
        failed = self._storage.get_backfill_partitions(backfill.backfill_id, BackfillPartitionStatus.FAILED)
        if not failed:
            self._storage.end_backfill(backfill.with_status(BulkActionStatus.COMPLETED))
            return
        names = ", ".join(each.partition_name for each in failed[:_SHOWN_NAMES])
        more = f" and {len(failed) - _SHOWN_NAMES} more" if len(failed) > _SHOWN_NAMES else ""
        said = SerializableErrorInfo(f"These partitions got no run: {names}{more}.\n", (), None, error)
        self._storage.end_backfill(backfill.with_status(BulkActionStatus.FAILED, said))
