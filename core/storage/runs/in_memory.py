"""Runs in the memory of this process, for ephemeral instances."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from core.forks import fork_safe_lock
from core.records.claim import OFFERED, Claim
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import (
    CLAIMED_STATUSES,
    NOT_BEGUN_STATUSES,
    PipelineRun,
    PipelineRunsFilter,
    PipelineRunStatus,
    RunRecord,
    check_recordable,
    check_tags,
)
from core.records.queue import Dequeued, Places, QueueLimits
from core.records.tags import priority_of
from core.storage.paging import check_limit
from core.storage.runs.base import RunStorage
from core.storage.runs.claims_in_memory import ClaimsInMemory


class InMemoryRunStorage(RunStorage):
    """Runs in the memory of this process, which end with it.

    Args:
        now: the time by which claims expire, in seconds of Unix time.

    Example:
        >>> from core import PipelineRun
        >>> from core.storage.runs import InMemoryRunStorage
        >>> storage = InMemoryRunStorage()
        >>> run = storage.add_run(PipelineRun("count", run_id="a-run"))
        >>> storage.get_run_by_id("a-run") == run
        True
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._lock = fork_safe_lock()
        self._claims, self._roles = ClaimsInMemory(now), ClaimsInMemory(now)
        self._launches: Counter[str] = Counter()
        self._records: dict[str, RunRecord] = {}
        self._added = itertools.count(1)
        self._heartbeats: dict[str, DaemonHeartbeat] = {}

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        with self._lock:
            self._add(pipeline_run)
        return pipeline_run

    def add_claimed_run(self, pipeline_run: PipelineRun, owner: str, seconds: float) -> Claim:
        with self._lock:
            self._add(pipeline_run)
            return self._claims.take(pipeline_run.run_id, owner, seconds)

    def _add(self, pipeline_run: PipelineRun) -> None:
        check_recordable(pipeline_run)
        if pipeline_run.run_id in self._records:
            raise DagsterRunAlreadyExists(f"A run with id {pipeline_run.run_id!r} exists already.")
        now = datetime.now(UTC)
        kept = _detached(pipeline_run)
        self._records[pipeline_run.run_id] = RunRecord(next(self._added), kept, now, now)

    def change_status(
        self,
        run_id: str,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus,
        claim: Claim | None = None,
    ) -> bool:
        with self._lock:
            record = self._records.get(run_id)
            if record is None or record.pipeline_run.status not in expected:
                return False
            if claim is not None and self._claims.number(run_id) != claim.number:
                return False
            self._set_status(record, status)
            if status not in CLAIMED_STATUSES:
                self._claims.release(run_id)
            return True

    def _set_status(self, record: RunRecord, status: PipelineRunStatus) -> PipelineRun:
        run = record.pipeline_run.with_status(status)
        self._records[run.run_id] = replace(record, pipeline_run=run, update_timestamp=datetime.now(UTC))
        return run

    def claim_run(
        self,
        run_id: str,
        owner: str,
        seconds: float,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus | None = None,
        after: Claim | None = None,
    ) -> Claim | None:
        with self._lock:
            record, held = self._records.get(run_id), self._claims.get(run_id)
            if record is None or record.pipeline_run.status not in expected:
                return None
            if after is not None:
                is_free = self._claims.number(run_id) == after.number
            else:
                is_free = held is None or held.owner == OFFERED or self._claims.has_expired(run_id)
            if not is_free:
                return None
            if status is not None:
                self._set_status(record, status)
            return self._claims.take(run_id, owner, seconds)

    def claim_expired_run(self, run_id: str, owner: str, seconds: float) -> Claim | None:
        with self._lock:
            return self._claims.take(run_id, owner, seconds) if self._is_expired(run_id) else None

    def _is_expired(self, run_id: str) -> bool:
        record = self._records.get(run_id)
        return (
            record is not None and record.pipeline_run.status in CLAIMED_STATUSES and self._claims.has_expired(run_id)
        )

    def renew_claim(self, claim: Claim, seconds: float) -> bool:
        with self._lock:
            return self._claims.renew(claim, seconds)

    def release_claim(self, claim: Claim) -> None:
        with self._lock:
            if self._claims.is_current(claim):
                self._claims.release(claim.key)

    def get_claim(self, run_id: str) -> Claim | None:
        with self._lock:
            return self._claims.get(run_id)

    def expired_runs(self, limit: int) -> list[str]:
        with self._lock:
            expired = filter(self._is_expired, self._records)
            return sorted(expired, key=lambda run_id: self._claims.expires_at(run_id) or 0.0)[:limit]

    def claim_role(self, role: str, owner: str, seconds: float) -> Claim | None:
        with self._lock:
            is_free = self._roles.get(role) is None or self._roles.has_expired(role)
            return self._roles.take(role, owner, seconds) if is_free else None

    def renew_role(self, claim: Claim, seconds: float) -> bool:
        with self._lock:
            return self._roles.renew(claim, seconds)

    def release_role(self, claim: Claim) -> None:
        with self._lock:
            if self._roles.is_current(claim):
                self._roles.release(claim.key)

    def dequeue(self, role: Claim, limits: QueueLimits, count: int, seconds: float) -> list[Dequeued]:
        taken: list[Dequeued] = []
        with self._lock:
            if not self._roles.is_good(role):
                return []
            runs = [record.pipeline_run for record in self._records.values()]
            places = Places(limits, [run.tags for run in runs if run.status in CLAIMED_STATUSES])
            for record in self._waiting():
                if places.left <= 0 or len(taken) == count:
                    break
                if places.holding(record.pipeline_run.tags) is None:
                    places.take(record.pipeline_run.tags)
                    run = self._set_status(record, PipelineRunStatus.STARTING)
                    self._launches[run.run_id] += 1
                    taken.append(Dequeued(_detached(run), self._claims.take(run.run_id, OFFERED, seconds)))
        return taken

    def _waiting(self) -> list[RunRecord]:
        waiting = [each for each in self._records.values() if each.pipeline_run.status is PipelineRunStatus.QUEUED]
        return sorted(waiting, key=lambda each: (-priority_of(each.pipeline_run.tags), each.storage_id))

    def get_queue(self, limit: int | None = None) -> list[PipelineRun]:
        with self._lock:
            return [_detached(record.pipeline_run) for record in self._waiting()[:limit]]

    def count_launches(self, run_id: str) -> int:
        return self._launches[run_id]

    def get_run_records(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        check_limit(limit)
        found = itertools.islice(self._matching(filters, cursor), limit)
        return [replace(record, pipeline_run=_detached(record.pipeline_run)) for record in found]

    def get_runs_count(self, filters: PipelineRunsFilter | None = None) -> int:
        return sum(1 for _ in self._matching(filters, None))

    def _matching(self, filters: PipelineRunsFilter | None, cursor: str | None) -> Iterator[RunRecord]:
        with self._lock:
            newest_first = list(reversed(self._records.values()))
        if cursor is not None:
            past_cursor = itertools.dropwhile(lambda record: record.pipeline_run.run_id != cursor, newest_first)
            newest_first = list(past_cursor)[1:]
        return (record for record in newest_first if filters is None or filters.matches(record))

    def get_run_by_id(self, run_id: str) -> PipelineRun | None:
        record = self._records.get(run_id)
        return _detached(record.pipeline_run) if record else None

    def get_run_tags(self) -> list[tuple[str, set[str]]]:
        values: dict[str, set[str]] = {}
        for record in self._matching(None, None):
            for key, value in record.pipeline_run.tags.items():
                values.setdefault(key, set()).add(value)
        return sorted(values.items())

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        check_tags(new_tags)
        with self._lock:
            record = self._records.get(run_id)
            if record is None:
                raise DagsterRunNotFoundError(f"There is no run {run_id!r} to add tags to.", run_id)
            run = record.pipeline_run
            self._records[run_id] = replace(record, pipeline_run=run.with_tags({**run.tags, **new_tags}))

    def rewrite_run(self, pipeline_run: PipelineRun) -> None:
        check_recordable(pipeline_run)
        with self._lock:
            record = self._records.get(pipeline_run.run_id)
            if record is not None and record.pipeline_run.status in NOT_BEGUN_STATUSES:
                before = record.pipeline_run
                run = _detached(pipeline_run.with_status(before.status).with_tags(before.tags))
                self._records[run.run_id] = replace(record, pipeline_run=run)

    def delete_run(self, run_id: str) -> None:
        with self._lock:
            self._records.pop(run_id, None)
            self._claims.forget(run_id)
            self._launches.pop(run_id, None)

    def wipe(self) -> None:
        with self._lock:
            self._records.clear()
            self._claims.clear()
            self._launches.clear()

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        self._heartbeats[daemon_heartbeat.daemon_type] = daemon_heartbeat

    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        return dict(self._heartbeats)

    def wipe_daemon_heartbeats(self) -> None:
        self._heartbeats.clear()


def _detached(run: PipelineRun) -> PipelineRun:
    """The run with copies of its containers, so that later changes by the caller do not change the record."""
    return replace(run, run_config=_copy(run.run_config), tags=dict(run.tags))


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
