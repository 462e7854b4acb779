"""Runs in the memory of this process, for ephemeral instances."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from core.events.records import DagsterEvent
from core.forks import fork_safe_lock
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import (
    STATUS_AFTER_EVENT,
    UNFINISHED_STATUSES,
    PipelineRun,
    PipelineRunsFilter,
    PipelineRunStatus,
    RunRecord,
    check_recordable,
    check_tags,
)
from core.storage.paging import check_limit
from core.storage.runs.base import RunStorage


class InMemoryRunStorage(RunStorage):
    """Runs in the memory of this process, which end with it.

    Example:
        >>> from core import PipelineRun
        >>> from core.storage.runs import InMemoryRunStorage
        >>> storage = InMemoryRunStorage()
        >>> run = storage.add_run(PipelineRun("count", run_id="a-run"))
        >>> storage.get_run_by_id("a-run") == run
        True
    """

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._records: dict[str, RunRecord] = {}
        self._added = itertools.count(1)
        self._heartbeats: dict[str, DaemonHeartbeat] = {}

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        check_recordable(pipeline_run)
        with self._lock:
            if pipeline_run.run_id in self._records:
                raise DagsterRunAlreadyExists(f"A run with id {pipeline_run.run_id!r} exists already.")
            now = datetime.now(UTC)
            kept = _detached(pipeline_run)
            self._records[pipeline_run.run_id] = RunRecord(next(self._added), kept, now, now)
        return pipeline_run

    def handle_run_event(self, run_id: str, event: DagsterEvent) -> None:
        status = STATUS_AFTER_EVENT.get(event.event_type_value)
        if status is not None:
            self.change_status(run_id, UNFINISHED_STATUSES, status)

    def change_status(self, run_id: str, expected: Collection[PipelineRunStatus], status: PipelineRunStatus) -> bool:
        with self._lock:
            record = self._records.get(run_id)
            if record is None or record.pipeline_run.status not in expected:
                return False
            run = record.pipeline_run.with_status(status)
            self._records[run_id] = replace(record, pipeline_run=run, update_timestamp=datetime.now(UTC))
            return True

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

    def delete_run(self, run_id: str) -> None:
        with self._lock:
            self._records.pop(run_id, None)

    def wipe(self) -> None:
        with self._lock:
            self._records.clear()

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
