"""The queries of run storages on any SQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from core.events.records import DagsterEvent
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
    run_from_json,
)
from core.serdes import from_json, to_json
from core.storage.paging import check_limit
from core.storage.runs.base import RunStorage
from core.storage.runs.queries import count_of_runs, ids_of_runs
from core.storage.runs.schema import daemon_heartbeats, run_tags, runs
from core.storage.sql.in_lists import batches
from core.storage.sql.storage import SqlStorage
from core.storage.sql.upsert import insert_or_replace


class SqlRunStorage(SqlStorage, RunStorage):
    """Base of the run storages on SQL databases; an implementation says which database, with the schema `SCHEMA`.

    Example:
        >>> from core import PipelineRun
        >>> from core.storage.runs import SqliteRunStorage, SqlRunStorage
        >>> storage: SqlRunStorage = SqliteRunStorage.from_local("my_runs")
        >>> run = storage.add_run(PipelineRun("count", run_id="a-run", tags={"team": "a"}))
        >>> storage.get_run_tags()
        [('team', {'a'})]
        >>> storage.dispose()
    """

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        check_recordable(pipeline_run)
        now = _now()
        row = {
            "run_id": pipeline_run.run_id,
            "pipeline_name": pipeline_run.pipeline_name,
            "mode": pipeline_run.mode,
            "status": pipeline_run.status.value,
            "root_run_id": pipeline_run.root_run_id,
            "parent_run_id": pipeline_run.parent_run_id,
            "created_at": now,
            "updated_at": now,
            "body": to_json(pipeline_run.with_tags({})),
        }
        try:
            with self.write() as connection:
                added = connection.execute(runs.insert(), row).inserted_primary_key
                assert added is not None
                if pipeline_run.tags:
                    connection.execute(run_tags.insert(), _tag_rows(added.id, pipeline_run.tags))
        except sa.exc.IntegrityError as error:
            raise DagsterRunAlreadyExists(f"A run with id {pipeline_run.run_id!r} exists already.") from error
        return pipeline_run

    def handle_run_event(self, run_id: str, event: DagsterEvent) -> None:
        status = STATUS_AFTER_EVENT.get(event.event_type_value)
        if status is not None:
            self.change_status(run_id, UNFINISHED_STATUSES, status)

    def change_status(self, run_id: str, expected: Collection[PipelineRunStatus], status: PipelineRunStatus) -> bool:
        changed = (
            runs.update()
            .where(runs.c.run_id == run_id, runs.c.status.in_([each.value for each in expected]))
            .values(status=status.value, updated_at=_now())
        )
        with self.write() as connection:
            return connection.execute(changed).rowcount > 0

    def get_run_records(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        check_limit(limit)
        with self.read() as connection:
            before: int | None = None
            if cursor is not None:
                before = connection.execute(sa.select(runs.c.id).where(runs.c.run_id == cursor)).scalar()
                if before is None:
                    return []
            ids = ids_of_runs(connection, filters or PipelineRunsFilter(), before, limit)
            return [record for batch in batches(ids) for record in _records(connection, batch)]

    def get_runs_count(self, filters: PipelineRunsFilter | None = None) -> int:
        with self.read() as connection:
            return count_of_runs(connection, filters or PipelineRunsFilter())

    def get_run_tags(self) -> list[tuple[str, set[str]]]:
        values: dict[str, set[str]] = {}
        with self.read() as connection:
            for key, value in connection.execute(sa.select(run_tags.c.key, run_tags.c.value).distinct()):
                values.setdefault(key, set()).add(value)
        return sorted(values.items())

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        check_tags(new_tags)
        with self.write() as connection:
            run = connection.execute(sa.select(runs.c.id).where(runs.c.run_id == run_id)).scalar()
            if run is None:
                raise DagsterRunNotFoundError(f"There is no run {run_id!r} to add tags to.", run_id)
            insert_or_replace(connection, run_tags, _tag_rows(run, new_tags))

    def delete_run(self, run_id: str) -> None:
        with self.write() as connection:
            connection.execute(runs.delete().where(runs.c.run_id == run_id))  # and its tags, by their foreign key

    def wipe(self) -> None:
        with self.write() as connection:
            connection.execute(runs.delete())

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        row = {"daemon_type": daemon_heartbeat.daemon_type, "body": to_json(daemon_heartbeat)}
        with self.write() as connection:
            insert_or_replace(connection, daemon_heartbeats, [row])

    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        with self.read() as connection:
            bodies = connection.execute(sa.select(daemon_heartbeats.c.body)).scalars().all()
        return {beat.daemon_type: beat for beat in (from_json(DaemonHeartbeat, body) for body in bodies)}

    def wipe_daemon_heartbeats(self) -> None:
        with self.write() as connection:
            connection.execute(daemon_heartbeats.delete())


def _now() -> float:
    return datetime.now(UTC).timestamp()  # in whole microseconds, as a datetime made from it is


def _tag_rows(run: int, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"run": run, "key": key, "value": value} for key, value in tags.items()]


def _records(connection: sa.Connection, ids: Sequence[int]) -> list[RunRecord]:
    rows = connection.execute(sa.select(runs).where(runs.c.id.in_(ids)).order_by(runs.c.id.desc())).all()
    tags: dict[int, dict[str, str]] = {}
    for row in connection.execute(sa.select(run_tags).where(run_tags.c.run.in_(ids))):
        tags.setdefault(row.run, {})[row.key] = row.value
    return [_record_from(row, tags.get(row.id, {})) for row in rows]


def _record_from(row: Any, tags: dict[str, str]) -> RunRecord:
    run = msgspec.structs.replace(run_from_json(row.body), status=PipelineRunStatus(row.status), tags=tags)
    created, updated = (datetime.fromtimestamp(each, UTC) for each in (row.created_at, row.updated_at))
    return RunRecord(row.id, run, created, updated)
