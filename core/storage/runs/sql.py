"""The queries of run storages on any SQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from core.errors import DagsterRunAlreadyExists, DagsterRunNotFoundError
from core.records.claim import Claim
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
from core.records.tags import PRIORITY_TAG, priority_of
from core.serdes import from_json, to_json
from core.storage.paging import check_limit
from core.storage.runs.queries import count_of_runs, ids_of_runs
from core.storage.runs.rows import records
from core.storage.runs.schema import daemon_heartbeats, run_tags, runs
from core.storage.runs.sql_claims import SqlClaims
from core.storage.runs.sql_queue import SqlQueue
from core.storage.sql.in_lists import batches
from core.storage.sql.upsert import insert_or_replace


class SqlRunStorage(SqlClaims, SqlQueue):
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
        self._add(pipeline_run, {})
        return pipeline_run

    def add_claimed_run(self, pipeline_run: PipelineRun, owner: str, seconds: float) -> Claim:
        claim = Claim(pipeline_run.run_id, owner, 1)
        self._add(pipeline_run, {"owner": owner, "claim": claim.number, "expires_at": self.database.NOW + seconds})
        return claim

    def _add(self, pipeline_run: PipelineRun, claim: dict[str, Any]) -> None:
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
            "rank": -priority_of(pipeline_run.tags),
        }
        insert = runs.insert().values(claim) if claim else runs.insert()
        try:
            with self.write() as connection:
                added = connection.execute(insert, row).inserted_primary_key
                assert added is not None
                if pipeline_run.tags:
                    connection.execute(run_tags.insert(), _tag_rows(added.id, pipeline_run.tags))
                if pipeline_run.status is PipelineRunStatus.QUEUED:
                    self.tell_of_change(connection)
        except sa.exc.IntegrityError as error:
            raise DagsterRunAlreadyExists(f"A run with id {pipeline_run.run_id!r} exists already.") from error

    def change_status(
        self,
        run_id: str,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus,
        claim: Claim | None = None,
    ) -> bool:
        held = () if claim is None else (runs.c.claim == claim.number,)
        ended = {} if status in CLAIMED_STATUSES else {"owner": None, "expires_at": None}
        changed = (
            runs.update()
            .where(runs.c.run_id == run_id, runs.c.status.in_([each.value for each in expected]), *held)
            .values(status=status.value, updated_at=_now(), **ended)
        )
        with self.write() as connection:
            is_changed = connection.execute(changed).rowcount > 0
            if is_changed and ended:
                self.tell_of_change(connection)
            return is_changed

    def tell_of_change(self, connection: sa.Connection) -> None:
        """Tells those who wait for `changes` that a run waits, or a place is free; at the end of the transaction."""
        return

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
            return [record for batch in batches(ids) for record in records(connection, batch)]

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
            if PRIORITY_TAG in new_tags:
                connection.execute(runs.update().where(runs.c.id == run).values(rank=-priority_of(new_tags)))

    def rewrite_run(self, pipeline_run: PipelineRun) -> None:
        check_recordable(pipeline_run)
        not_begun = runs.c.status.in_([status.value for status in NOT_BEGUN_STATUSES])
        rewritten = runs.update().where(runs.c.run_id == pipeline_run.run_id, not_begun)
        with self.write() as connection:
            connection.execute(rewritten.values(body=to_json(pipeline_run.with_tags({}))))

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
