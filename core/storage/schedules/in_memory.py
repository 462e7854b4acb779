"""Schedules and sensors in the memory of this process, for ephemeral instances."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

from core.forks import fork_safe_lock
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
from core.storage.schedules.base import (
    ScheduleStorage,
    check_page,
    no_state,
    no_tick,
    reserved_keys,
    state_exists,
)
from core.storage.schedules.in_memory_backfills import InMemoryBackfills


class InMemoryScheduleStorage(InMemoryBackfills, ScheduleStorage):
    """States and ticks in the memory of this process, which end with it.

    Example:
        >>> from core.records.job import JobTickData, JobTickStatus, JobType
        >>> from core.storage.schedules import InMemoryScheduleStorage
        >>> storage = InMemoryScheduleStorage()
        >>> tick = storage.create_job_tick(
        ...     JobTickData("an-origin", "new_files", JobType.SENSOR, JobTickStatus.SKIPPED, 1620000000.0)
        ... )
        >>> storage.get_latest_job_tick("an-origin") == tick
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = fork_safe_lock()
        self._run_keys: set[tuple[str, str]] = set()
        self._states: dict[str, JobState] = {}
        self._ticks: dict[str, dict[int, JobTick]] = {}  # job origin id -> tick id -> tick
        self._created = itertools.count(1)

    def all_stored_job_state(
        self, repository_origin_id: str | None = None, job_type: JobType | None = None
    ) -> list[JobState]:
        with self._lock:
            states = list(self._states.values())
        return [
            state
            for state in states
            if repository_origin_id in (None, state.repository_origin_id) and job_type in (None, state.job_type)
        ]

    def get_job_state(self, job_origin_id: str) -> JobState | None:
        return self._states.get(job_origin_id)

    def add_job_state(self, job: JobState) -> JobState:
        with self._lock:
            if job.job_origin_id in self._states:
                raise state_exists(job)
            self._states[job.job_origin_id] = job
        return job

    def update_job_state(self, job: JobState) -> JobState:
        with self._lock:
            if job.job_origin_id not in self._states:
                raise no_state(job.job_origin_id, "update")
            self._states[job.job_origin_id] = job
        return job

    def delete_job_state(self, job_origin_id: str) -> None:
        with self._lock:
            if self._states.pop(job_origin_id, None) is None:
                raise no_state(job_origin_id, "delete")

    def move_jobs(self, moves: Sequence[JobMove]) -> list[list[JobTick] | None]:
        with self._lock:
            return [self._moved(move) for move in moves]

    def _moved(self, move: JobMove) -> list[JobTick] | None:
        job = move.seen.job_origin_id
        if self._states.get(job) != move.seen:
            return None
        self._states[job] = move.moved
        self._run_keys.update((job, key) for key in reserved_keys(move))
        return [self._created_tick(data) for data in move.ticks]

    def taken_run_keys(self, job_origin_id: str, run_keys: Collection[str]) -> set[str]:
        with self._lock:
            return {key for key in run_keys if (job_origin_id, key) in self._run_keys}

    def get_started_ticks(self) -> list[JobTick]:
        with self._lock:
            ticks = [tick for of_job in self._ticks.values() for tick in of_job.values()]
        return sorted((tick for tick in ticks if tick.status is JobTickStatus.STARTED), key=lambda tick: tick.tick_id)

    def get_job_ticks(
        self,
        job_origin_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        cursor: TickCursor | None = None,
    ) -> list[JobTick]:
        check_page(before, after, limit, cursor)
        matching = [
            tick
            for tick in self._ticks_of(job_origin_id)
            if (before is None or tick.timestamp < before)
            and (after is None or tick.timestamp > after)
            and (cursor is None or tick.cursor < cursor)
        ]
        return sorted(matching, key=lambda tick: tick.cursor, reverse=True)[:limit]

    def _ticks_of(self, job_origin_id: str) -> list[JobTick]:
        with self._lock:
            return list(self._ticks.get(job_origin_id, {}).values())

    def create_job_tick(self, job_tick_data: JobTickData) -> JobTick:
        with self._lock:
            return self._created_tick(job_tick_data)

    def _created_tick(self, job_tick_data: JobTickData) -> JobTick:
        tick = JobTick(next(self._created), job_tick_data)
        self._ticks.setdefault(tick.job_origin_id, {})[tick.tick_id] = tick
        return tick

    def update_job_tick(self, tick: JobTick) -> JobTick:
        with self._lock:
            ticks = self._ticks.get(tick.job_origin_id, {})
            if tick.tick_id not in ticks:
                raise no_tick(tick)
            ticks[tick.tick_id] = tick
        return tick

    def replace_job_tick(self, seen: JobTick, tick: JobTick) -> bool:
        with self._lock:
            ticks = self._ticks.get(seen.job_origin_id, {})
            if ticks.get(seen.tick_id) != seen:
                return False
            ticks[seen.tick_id] = tick
        return True

    def purge_job_ticks(self, job_origin_id: str, tick_status: JobTickStatus, before: float) -> None:
        check_unix_seconds(before, "before")
        with self._lock:
            self._ticks[job_origin_id] = {
                tick_id: tick
                for tick_id, tick in self._ticks.get(job_origin_id, {}).items()
                if tick.status is not tick_status or tick.timestamp >= before
            }

    def get_job_tick_stats(self, job_origin_id: str) -> JobTickStatsSnapshot:
        counts = Counter(tick.status for tick in self._ticks_of(job_origin_id))
        return JobTickStatsSnapshot(
            ticks_started=counts[JobTickStatus.STARTED],
            ticks_succeeded=counts[JobTickStatus.SUCCESS],
            ticks_skipped=counts[JobTickStatus.SKIPPED],
            ticks_failed=counts[JobTickStatus.FAILURE],
        )

    def wipe(self) -> None:
        with self._lock:
            self._states.clear()
            self._ticks.clear()
            self._run_keys.clear()
        self._wipe_backfills()
