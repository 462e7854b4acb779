"""What a schedule storage does; `tests/core/storage/test_schedule_storage.py` holds every implementation to it."""

from __future__ import annotations

from abc import ABC, abstractmethod

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
from core.records.schema_migration import Migration
from core.storage.paging import check_limit


class ScheduleStorage(ABC):
    """Keeps the state of every schedule and sensor, and their ticks. Both are called jobs.

    Safe for use by many threads and, where persistent, many processes. Each method does all it says or nothing. What
    a method has returned from is kept even if the process is killed the moment after. Times are Unix seconds.
    """

    @abstractmethod
    def all_stored_job_state(
        self, repository_origin_id: str | None = None, job_type: JobType | None = None
    ) -> list[JobState]:
        """The states of jobs, the one added first first.

        Args:
            repository_origin_id: only of jobs in this repository.
            job_type: only of schedules, or of sensors.
        """

    @abstractmethod
    def get_job_state(self, job_origin_id: str) -> JobState | None:
        """The state of a job, or None."""

    @abstractmethod
    def add_job_state(self, job: JobState) -> JobState:
        """Stores the state of a new job and returns it. Of many that add one job at once, one succeeds.

        Raises:
            DagsterInvariantViolationError: a state of this job is stored; it stays as it is.
        """

    @abstractmethod
    def update_job_state(self, job: JobState) -> JobState:
        """Replaces the state of a job and returns the new one. Its place among the others stays.

        Raises:
            DagsterInvariantViolationError: no state of this job is stored; none is made.
        """

    @abstractmethod
    def delete_job_state(self, job_origin_id: str) -> None:
        """Forgets the state of a job. Its ticks stay. Of many that delete one state at once, one succeeds.

        Raises:
            DagsterInvariantViolationError: no state of this job is stored.
        """

    @abstractmethod
    def get_job_ticks(
        self,
        job_origin_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        cursor: TickCursor | None = None,
    ) -> list[JobTick]:
        """Ticks of a job, with the latest timestamp first; of those with the same one, the one created last.

        A job need not have a state. One with many ticks is read in pages: `limit` of them, and then again with the
        last one's `cursor`. Ticks that are created or purged meanwhile make no other one be left out or read twice; the
        last page takes as long as the first.

        Args:
            job_origin_id: the job; an unknown one has no ticks.
            before: only those with an earlier timestamp than this; Unix time in seconds.
            after: only those with a later timestamp than this; Unix time in seconds.
            limit: at most so many.
            cursor: only those that come after the tick with this `cursor`, which may be gone.

        Raises:
            DagsterInvariantViolationError: `before`, `after` or the cursor's is no Unix time, or `limit` is negative.
        """

    def get_latest_job_tick(self, job_origin_id: str) -> JobTick | None:
        """The first of `get_job_ticks`, or None."""
        ticks = self.get_job_ticks(job_origin_id, limit=1)
        return ticks[0] if ticks else None

    @abstractmethod
    def create_job_tick(self, job_tick_data: JobTickData) -> JobTick:
        """Stores a tick and returns it with its id: greater than any before, also after `wipe`."""

    @abstractmethod
    def update_job_tick(self, tick: JobTick) -> JobTick:
        """Replaces the stored tick that has this id and job, and returns the new one.

        Raises:
            DagsterInvariantViolationError: there is no such tick of this job, or not any more; none is made.
        """

    @abstractmethod
    def purge_job_ticks(self, job_origin_id: str, tick_status: JobTickStatus, before: float) -> None:
        """Forgets ticks of a job. That there are none is no error.

        Args:
            job_origin_id: the job.
            tick_status: only those in this status.
            before: only those with an earlier timestamp than this; Unix time in seconds.

        Raises:
            DagsterInvariantViolationError: `before` is no Unix time.
        """

    @abstractmethod
    def get_job_tick_stats(self, job_origin_id: str) -> JobTickStatsSnapshot:
        """How many ticks of a job are stored, by status; all 0 for an unknown one."""

    @abstractmethod
    def wipe(self) -> None:
        """Forgets every state and every tick."""

    def check(self) -> None:
        """Raises DagsterStorageError where it cannot be used, DagsterSchemaError where it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the form this release needs; returns what was done, nothing where it has that form.

        Raises:
            DagsterStorageError: it cannot be used, or the migration failed and nothing was changed.
        """
        return []

    def dispose(self) -> None:
        """Lets go of connections; the storage opens them anew if it is used again."""
        return


def check_page(before: float | None, after: float | None, limit: int | None, cursor: TickCursor | None) -> None:
    """Refuses arguments of `get_job_ticks` as it says."""
    for name, value in (("before", before), ("after", after), ("The cursor's timestamp", cursor and cursor[0])):
        if value is not None:
            check_unix_seconds(value, name)
    check_limit(limit)


def state_exists(job: JobState) -> DagsterInvariantViolationError:
    """What `add_job_state` raises."""
    return DagsterInvariantViolationError(
        f"A state of {job.job_type.value.lower()} {job.job_name!r} (job origin id {job.job_origin_id}) "
        "is stored already; change it with update_job_state."
    )


def no_state(job_origin_id: str, todo: str) -> DagsterInvariantViolationError:
    """What `update_job_state` and `delete_job_state` raise."""
    return DagsterInvariantViolationError(
        f"No state of a job with origin id {job_origin_id!r} is stored, so there is nothing to {todo}; "
        "add one with add_job_state, or see all_stored_job_state for those that there are."
    )


def no_tick(tick: JobTick) -> DagsterInvariantViolationError:
    """What `update_job_tick` raises."""
    return DagsterInvariantViolationError(
        f"No tick {tick.tick_id} of job {tick.job_name!r} (job origin id {tick.job_origin_id!r}) is stored: it has "
        "been purged, or never was; make a new one with create_job_tick."
    )
