"""Every query of a run storage, for any SQL database."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from core.events.records import DagsterEvent
from core.serdes import from_json, to_json
from core.storage.daemon_heartbeat import DaemonHeartbeat
from core.storage.in_lists import batches
from core.storage.pipeline_run import STATUS_AFTER_EVENT, PipelineRun, PipelineRunsFilter, PipelineRunStatus, RunRecord
from core.storage.runs.base import RunStorage
from core.storage.runs.schema import daemon_heartbeats, run_tags, runs


class SqlRunStorage(RunStorage):
    """Base of the run storages on SQL databases: an implementation says how to reach its database."""

    @abstractmethod
    def read(self) -> AbstractContextManager[sa.Connection]:
        """A connection for queries. Errors of the database come out of it as DagsterStorageError."""

    @abstractmethod
    def write(self) -> AbstractContextManager[sa.Connection]:
        """A connection in a short transaction, committed when the block ends and undone when it raises."""

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        now = time.time()
        row = {
            "run_id": pipeline_run.run_id,
            "pipeline_name": pipeline_run.pipeline_name,
            "mode": pipeline_run.mode,
            "status": pipeline_run.status.value,
            "created_at": now,
            "updated_at": now,
            "body": to_json(pipeline_run.with_tags({})),
        }
        try:
            with self.write() as connection:
                connection.execute(runs.insert(), row)
                self._insert_tags(connection, pipeline_run.run_id, pipeline_run.tags)
        except sa.exc.IntegrityError as error:
            raise DagsterRunAlreadyExists(f"A run with id {pipeline_run.run_id!r} exists already.") from error
        return pipeline_run

    @staticmethod
    def _insert_tags(connection: sa.Connection, run_id: str, tags: Mapping[str, str]) -> None:
        if tags:
            connection.execute(
                run_tags.insert(), [{"run_id": run_id, "key": key, "value": value} for key, value in tags.items()]
            )

    def handle_run_event(self, run_id: str, event: DagsterEvent) -> None:
        status = STATUS_AFTER_EVENT.get(event.event_type_value)
        if status is None:
            return
        with self.write() as connection:
            changed = runs.update().where(runs.c.run_id == run_id)
            connection.execute(changed.values(status=status.value, updated_at=time.time()))

    def get_run_records(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        query = _filtered(sa.select(runs), filters)
        if cursor is not None:
            query = query.where(runs.c.id < sa.select(runs.c.id).where(runs.c.run_id == cursor).scalar_subquery())
        with self.read() as connection:
            rows = connection.execute(query.order_by(runs.c.id.desc()).limit(limit)).all()
            tags = self._tags_of(connection, [row.run_id for row in rows])
        return [_record_from(row, tags.get(row.run_id, {})) for row in rows]

    @staticmethod
    def _tags_of(connection: sa.Connection, run_ids: list[str]) -> dict[str, dict[str, str]]:
        tags: dict[str, dict[str, str]] = {}
        for batch in batches(run_ids):
            for row in connection.execute(sa.select(run_tags).where(run_tags.c.run_id.in_(batch))):
                tags.setdefault(row.run_id, {})[row.key] = row.value
        return tags

    def get_runs_count(self, filters: PipelineRunsFilter | None = None) -> int:
        with self.read() as connection:
            return int(connection.execute(_filtered(sa.select(sa.func.count(runs.c.id)), filters)).scalar_one())

    def get_run_tags(self) -> list[tuple[str, set[str]]]:
        values: dict[str, set[str]] = {}
        with self.read() as connection:
            for key, value in connection.execute(sa.select(run_tags.c.key, run_tags.c.value).distinct()):
                values.setdefault(key, set()).add(value)
        return sorted(values.items())

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        with self.write() as connection:
            if connection.execute(sa.select(runs.c.id).where(runs.c.run_id == run_id)).first() is None:
                raise DagsterRunNotFoundError(f"No run {run_id!r} to add tags to.", run_id)
            replaced = (run_tags.c.run_id == run_id) & run_tags.c.key.in_(list(new_tags))
            connection.execute(run_tags.delete().where(replaced))
            self._insert_tags(connection, run_id, new_tags)

    def delete_run(self, run_id: str) -> None:
        with self.write() as connection:
            connection.execute(run_tags.delete().where(run_tags.c.run_id == run_id))
            connection.execute(runs.delete().where(runs.c.run_id == run_id))

    def wipe(self) -> None:
        with self.write() as connection:
            connection.execute(run_tags.delete())
            connection.execute(runs.delete())

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        daemon_type = daemon_heartbeat.daemon_type
        with self.write() as connection:
            connection.execute(daemon_heartbeats.delete().where(daemon_heartbeats.c.daemon_type == daemon_type))
            connection.execute(
                daemon_heartbeats.insert(), {"daemon_type": daemon_type, "body": to_json(daemon_heartbeat)}
            )

    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        with self.read() as connection:
            bodies = connection.execute(sa.select(daemon_heartbeats.c.body)).scalars().all()
        return {beat.daemon_type: beat for beat in (from_json(DaemonHeartbeat, body) for body in bodies)}

    def wipe_daemon_heartbeats(self) -> None:
        with self.write() as connection:
            connection.execute(daemon_heartbeats.delete())


def _record_from(row: Any, tags: dict[str, str]) -> RunRecord:
    run = msgspec.structs.replace(from_json(PipelineRun, row.body), status=PipelineRunStatus(row.status), tags=tags)
    created, updated = (datetime.fromtimestamp(each, UTC) for each in (row.created_at, row.updated_at))
    return RunRecord(row.id, run, created, updated)


def _filtered(query: sa.Select[Any], filters: PipelineRunsFilter | None) -> sa.Select[Any]:
    if filters is None:
        return query
    if filters.run_ids is not None:
        query = query.where(runs.c.run_id.in_(filters.run_ids))
    if filters.pipeline_name is not None:
        query = query.where(runs.c.pipeline_name == filters.pipeline_name)
    if filters.mode is not None:
        query = query.where(runs.c.mode == filters.mode)
    if filters.statuses is not None:
        query = query.where(runs.c.status.in_([status.value for status in filters.statuses]))
    for key, value in (filters.tags or {}).items():
        has_tag = (run_tags.c.run_id == runs.c.run_id) & (run_tags.c.key == key) & (run_tags.c.value == value)
        query = query.where(sa.exists().where(has_tag))
    return query
