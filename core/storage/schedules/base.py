"""The interface of schedule storages; `tests/core/storage/test_schedule_storage.py` tests every implementation."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence

from core.errors import DagsterInvariantViolationError
from core.records.job import (
    JobState,
    JobTick,
    JobTickData,
    JobTickStatsSnapshot,
    JobTickStatus,
    JobType,
    TickCursor,
    check_unix_seconds,
)
from core.records.job_move import JobMove
from core.records.schema_migration import Migration
from core.storage.paging import check_limit
from core.storage.schedules.backfills import BackfillStorage


class ScheduleStorage(BackfillStorage):
    """Keeps the state of every schedule and sensor, which are both called jobs, their ticks, and backfills.

    Safe for use by many threads and, where persistent, many processes. A method either makes all its changes or none.
    Once it has returned, they are kept even if the process is killed immediately afterwards. Times are Unix seconds.

    Example:
        >>> from core.records.job import JobState, JobStatus, JobType, ScheduleJobData
        >>> from core.records.origin import JobOrigin
        >>> from core.storage.schedules import InMemoryScheduleStorage, ScheduleStorage
        >>> storage: ScheduleStorage = InMemoryScheduleStorage()
        >>> origin = JobOrigin("a-repository", "mornings")
        >>> running = JobState(origin, JobType.SCHEDULE, JobStatus.RUNNING, ScheduleJobData("0 6 * * *", 1620000000.0))
        >>> added = storage.add_job_state(running)
        >>> storage.get_job_state(origin.get_id()).status.value
        'RUNNING'
    """

    @abstractmethod
    def all_stored_job_state(
        self, repository_origin_id: str | None = None, job_type: JobType | None = None
    ) -> list[JobState]:
        """The states of jobs, oldest first.

        Args:
            repository_origin_id: only of jobs in this repository.
            job_type: only of schedules, or of sensors.
        """

    @abstractmethod
    def get_job_state(self, job_origin_id: str) -> JobState | None:
        """The state of a job, or None."""

    @abstractmethod
    def add_job_state(self, job: JobState) -> JobState:
        """Stores the state of a new job and returns it. If many callers add the same job at once, one succeeds.

        Raises:
            DagsterInvariantViolationError: this job has a state already; it stays as it is.
        """

    @abstractmethod
    def update_job_state(self, job: JobState) -> JobState:
        """Replaces the state of a job and returns the new one. Its place in the order of jobs stays the same.

        Raises:
            DagsterInvariantViolationError: this job has no state; none is added.
        """

    @abstractmethod
    def delete_job_state(self, job_origin_id: str) -> None:
        """Deletes the state of a job; its ticks stay. If many callers delete the same state at once, one succeeds.

        Raises:
            DagsterInvariantViolationError: this job has no state.
        """

    def change_job_state(self, job_origin_id: str, change: Callable[[JobState | None], JobState]) -> JobState:
        """Changes the state of a job, or adds one, whoever else changes it meanwhile; nothing they did is undone.

        Args:
            job_origin_id: the job.
            change: from the state that is stored, or None, to the new one; called again where another was faster.

        Returns:
            The new state.

        Raises:
            Exception: what `change` raises; nothing is changed then.
        """
        while True:
            seen = self.get_job_state(job_origin_id)
            new = change(seen)
            if new == seen:
                return new
            if seen is not None:
                if self.move_jobs([JobMove(seen, new)]) != [None]:
                    return new
                continue
            try:
                return self.add_job_state(new)
            except DagsterInvariantViolationError:
                if self.get_job_state(job_origin_id) is None:
                    raise

    @abstractmethod
    def move_jobs(self, moves: Sequence[JobMove]) -> list[list[JobTick] | None]:
        """Changes the states of jobs, with the ticks that belong to it, in one transaction.

        Each job whose state is what the caller has seen gets its new state and its ticks; of many callers that have
        seen the same one succeeds. The keys of runs that ticks of sensors reserve are taken from then on.

        Args:
            moves: one for each job.

        Returns:
            The stored ticks of each, in the order of `moves`; None where the state is another one by now, or is gone.
        """

    @abstractmethod
    def taken_run_keys(self, job_origin_id: str, run_keys: Collection[str]) -> set[str]:
        """Those of some run keys that a sensor has reserved a run for. They stay taken when the run is deleted."""

    @abstractmethod
    def get_started_ticks(self) -> list[JobTick]:
        """The ticks of all jobs that have begun and not ended, in the order in which they were created."""

    def now(self) -> float:
        """What time it is for all that use this storage; Unix time in seconds."""
        return time.time()

    @abstractmethod
    def get_job_ticks(
        self,
        job_origin_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        cursor: TickCursor | None = None,
    ) -> list[JobTick]:
        """Ticks of a job, newest first: by timestamp, and by order of creation where timestamps are equal.

        A job need not have a state. Read many ticks in pages: `limit` of them, then the next with the `cursor` of the
        last one. Ticks that are created or deleted meanwhile cause no other tick to be missed or read twice, and the
        last page is as fast as the first.

        Args:
            job_origin_id: the job; an unknown one has no ticks.
            before: only ticks with an earlier timestamp; Unix time in seconds.
            after: only ticks with a later timestamp; Unix time in seconds.
            limit: maximum number of ticks.
            cursor: only ticks that come after the one with this `cursor`, which may have been deleted.

        Raises:
            DagsterInvariantViolationError: a time is not a Unix time in seconds, or `limit` is negative.
        """

    def get_latest_job_tick(self, job_origin_id: str) -> JobTick | None:
        """The first of `get_job_ticks`, or None."""
        ticks = self.get_job_ticks(job_origin_id, limit=1)
        return ticks[0] if ticks else None

    @abstractmethod
    def create_job_tick(self, job_tick_data: JobTickData) -> JobTick:
        """Stores a tick and returns it with its id, which is greater than any before, even after `wipe`."""

    @abstractmethod
    def update_job_tick(self, tick: JobTick) -> JobTick:
        """Replaces the stored tick that has this id and job, and returns the new one.

        Raises:
            DagsterInvariantViolationError: this job has no such tick, or no longer has it; none is created.
        """

    @abstractmethod
    def replace_job_tick(self, seen: JobTick, tick: JobTick) -> bool:
        """Replaces a tick where it still is as the caller has seen it; of many callers one succeeds.

        Args:
            seen: the tick as it was read.
            tick: what takes its place; its id and job are the same.

        Returns:
            Whether it was replaced; not, where it is another by now, or is gone.
        """

    @abstractmethod
    def purge_job_ticks(self, job_origin_id: str, tick_status: JobTickStatus, before: float) -> None:
        """Deletes ticks of a job; it is not an error if there are none.

        Args:
            job_origin_id: the job.
            tick_status: only ticks in this status.
            before: only ticks with an earlier timestamp; Unix time in seconds.

        Raises:
            DagsterInvariantViolationError: `before` is not a Unix time in seconds.
        """

    @abstractmethod
    def get_job_tick_stats(self, job_origin_id: str) -> JobTickStatsSnapshot:
        """How many ticks of a job are stored, by status; all 0 for an unknown one."""

    @abstractmethod
    def wipe(self) -> None:
        """Deletes every state, every tick, the keys that are taken, and every backfill."""

    def check(self) -> None:
        """Raises DagsterStorageError if the storage cannot be used, DagsterSchemaError if it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the schema that this release needs; returns what was done, nothing if it is up to date.

        Raises:
            DagsterStorageError: the storage cannot be used, or the migration failed; the database is unchanged then.
        """
        return []

    def dispose(self) -> None:
        """Closes all connections; they are opened again when the storage is used again."""
        return


def check_page(before: float | None, after: float | None, limit: int | None, cursor: TickCursor | None) -> None:
    """Raises DagsterInvariantViolationError for arguments that `get_job_ticks` does not take."""
    for name, value in (("before", before), ("after", after), ("The cursor's timestamp", cursor and cursor[0])):
        if value is not None:
            check_unix_seconds(value, name)
    check_limit(limit)


def state_exists(job: JobState) -> DagsterInvariantViolationError:
    """What `add_job_state` raises."""
    return DagsterInvariantViolationError(
        f"The {job.job_type.value.lower()} {job.job_name!r} (job origin id {job.job_origin_id}) "
        "has a state already; change it with update_job_state."
    )


def no_state(job_origin_id: str, todo: str) -> DagsterInvariantViolationError:
    """What `update_job_state` and `delete_job_state` raise."""
    return DagsterInvariantViolationError(
        f"There is no job with origin id {job_origin_id!r} to {todo}; "
        "add its state with add_job_state, or list the jobs there are with all_stored_job_state."
    )


def no_tick(tick: JobTick) -> DagsterInvariantViolationError:
    """What `update_job_tick` raises."""
    return DagsterInvariantViolationError(
        f"Job {tick.job_name!r} (job origin id {tick.job_origin_id!r}) has no tick {tick.tick_id}: it was deleted, or "
        "never stored; create a new one with create_job_tick."
    )


def reserved_keys(move: JobMove) -> list[str]:
    """The run keys that are taken with a move: those of sensors; the keys of a schedule are its tick's own."""
    runs = [run for tick in move.ticks if tick.job_type is JobType.SENSOR for run in tick.reserved or ()]
    return [run.run_key for run in runs if run.run_key]
