"""The queries of schedule storages on any SQL database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

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
from core.serdes import from_json, to_json
from core.storage.schedules.base import (
    ScheduleStorage,
    check_page,
    no_state,
    no_tick,
    reserved_keys,
    state_exists,
)
from core.storage.schedules.schema import backfills, job_run_keys, job_ticks, jobs
from core.storage.schedules.sql_backfills import SqlBackfills
from core.storage.sql.in_lists import batches
from core.storage.sql.upsert import insert_missing


class SqlScheduleStorage(SqlBackfills, ScheduleStorage):
    """Base of the schedule storages on SQL databases; an implementation says which database, with `SCHEMA`.

    Example:
        >>> from core.records.job import JobTickData, JobTickStatus, JobType
        >>> from core.storage.schedules import SqliteScheduleStorage, SqlScheduleStorage
        >>> storage: SqlScheduleStorage = SqliteScheduleStorage.from_local("my_schedules")
        >>> tick = storage.create_job_tick(
        ...     JobTickData("an-origin", "new_files", JobType.SENSOR, JobTickStatus.SKIPPED, 1620000000.0)
        ... )
        >>> storage.get_job_tick_stats("an-origin").ticks_skipped
        1
        >>> storage.dispose()
    """

    def all_stored_job_state(
        self, repository_origin_id: str | None = None, job_type: JobType | None = None
    ) -> list[JobState]:
        query = sa.select(jobs.c.body).order_by(jobs.c.id)
        if repository_origin_id is not None:
            query = query.where(jobs.c.repository_origin_id == repository_origin_id)
        if job_type is not None:
            query = query.where(jobs.c.job_type == job_type.value)
        with self.read() as connection:
            bodies = connection.execute(query).scalars().all()
        return [from_json(JobState, body) for body in bodies]

    def get_job_state(self, job_origin_id: str) -> JobState | None:
        query = sa.select(jobs.c.body).where(jobs.c.job_origin_id == job_origin_id)
        with self.read() as connection:
            body = connection.execute(query).scalar_one_or_none()
        return None if body is None else from_json(JobState, body)

    def add_job_state(self, job: JobState) -> JobState:
        row = _state_row(job)
        try:
            with self.write() as connection:
                connection.execute(jobs.insert(), row)
        except sa.exc.IntegrityError as error:
            raise state_exists(job) from error
        return job

    def update_job_state(self, job: JobState) -> JobState:
        row = _state_row(job)
        replaced = jobs.update().where(jobs.c.job_origin_id == row["job_origin_id"])
        with self.write() as connection:
            if connection.execute(replaced.values(row)).rowcount == 0:
                raise no_state(job.job_origin_id, "update")
        return job

    def delete_job_state(self, job_origin_id: str) -> None:
        with self.write() as connection:
            if connection.execute(jobs.delete().where(jobs.c.job_origin_id == job_origin_id)).rowcount == 0:
                raise no_state(job_origin_id, "delete")

    def move_jobs(self, moves: Sequence[JobMove]) -> list[list[JobTick] | None]:
        if not moves:
            return []
        with self.write() as connection:
            stored = _locked_states(connection, [move.seen.job_origin_id for move in moves])
            is_same = [stored.get(move.seen.job_origin_id) == move.seen for move in moves]
            made = [move for move, same in zip(moves, is_same, strict=True) if same]
            if made:
                rows = [_state_row(move.moved) for move in made]
                connection.execute(_MOVED, [{"moved_job": row["job_origin_id"], **row} for row in rows])
            insert_missing(connection, job_run_keys, [
                {"job_origin_id": move.moved.job_origin_id, "run_key": key}
                for move in made
                for key in reserved_keys(move)
            ])  # fmt: skip
            created = iter(_created_ticks(connection, [data for move in made for data in move.ticks]))
        return [
            [next(created) for _ in move.ticks] if same else None for move, same in zip(moves, is_same, strict=True)
        ]

    def taken_run_keys(self, job_origin_id: str, run_keys: Collection[str]) -> set[str]:
        query = sa.select(job_run_keys.c.run_key).where(job_run_keys.c.job_origin_id == job_origin_id)
        with self.read() as connection:
            answers = [
                connection.execute(query.where(job_run_keys.c.run_key.in_(batch))).scalars().all()
                for batch in batches(list(run_keys))
            ]
        return {key for answer in answers for key in answer}

    def get_started_ticks(self) -> list[JobTick]:
        query = sa.select(job_ticks.c.id, job_ticks.c.body).where(job_ticks.c.status == JobTickStatus.STARTED.value)
        with self.read() as connection:
            rows = connection.execute(query.order_by(job_ticks.c.id)).all()
        return [JobTick(row.id, from_json(JobTickData, row.body)) for row in rows]

    def get_job_ticks(
        self,
        job_origin_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        cursor: TickCursor | None = None,
    ) -> list[JobTick]:
        check_page(before, after, limit, cursor)
        query = sa.select(job_ticks.c.id, job_ticks.c.body).where(job_ticks.c.job_origin_id == job_origin_id)
        if before is not None:
            query = query.where(job_ticks.c.timestamp < before)
        if after is not None:
            query = query.where(job_ticks.c.timestamp > after)
        if cursor is not None:
            query = query.where(_comes_after(cursor))
        query = query.order_by(job_ticks.c.timestamp.desc(), job_ticks.c.id.desc()).limit(limit)
        with self.read() as connection:
            rows = connection.execute(query).all()
        return [JobTick(row.id, from_json(JobTickData, row.body)) for row in rows]

    def create_job_tick(self, job_tick_data: JobTickData) -> JobTick:
        row = _tick_row(job_tick_data)
        with self.write() as connection:
            key = connection.execute(job_ticks.insert(), row).inserted_primary_key
        assert key is not None
        return JobTick(key[0], job_tick_data)

    def update_job_tick(self, tick: JobTick) -> JobTick:
        row = _tick_row(tick.job_tick_data)
        is_same = (job_ticks.c.id == tick.tick_id) & (job_ticks.c.job_origin_id == tick.job_origin_id)
        with self.write() as connection:
            if connection.execute(job_ticks.update().where(is_same).values(row)).rowcount == 0:
                raise no_tick(tick)
        return tick

    def replace_job_tick(self, seen: JobTick, tick: JobTick) -> bool:
        row, is_same = _tick_row(tick.job_tick_data), job_ticks.c.id == seen.tick_id
        with self.write() as connection:
            stored = connection.execute(
                sa.select(job_ticks.c.body).where(is_same).with_for_update()
            ).scalar_one_or_none()
            if stored is None or from_json(JobTickData, stored) != seen.job_tick_data:
                return False
            connection.execute(job_ticks.update().where(is_same).values(row))
        return True

    def purge_job_ticks(self, job_origin_id: str, tick_status: JobTickStatus, before: float) -> None:
        check_unix_seconds(before, "before")
        purged = job_ticks.delete().where(
            job_ticks.c.job_origin_id == job_origin_id,
            job_ticks.c.status == tick_status.value,
            job_ticks.c.timestamp < before,
        )
        with self.write() as connection:
            connection.execute(purged)

    def get_job_tick_stats(self, job_origin_id: str) -> JobTickStatsSnapshot:
        query = sa.select(job_ticks.c.status, sa.func.count().label("ticks")).group_by(job_ticks.c.status)
        with self.read() as connection:
            rows = connection.execute(query.where(job_ticks.c.job_origin_id == job_origin_id)).all()
        counts: dict[str, int] = {row.status: row.ticks for row in rows}
        return JobTickStatsSnapshot(
            ticks_started=counts.get(JobTickStatus.STARTED.value, 0),
            ticks_succeeded=counts.get(JobTickStatus.SUCCESS.value, 0),
            ticks_skipped=counts.get(JobTickStatus.SKIPPED.value, 0),
            ticks_failed=counts.get(JobTickStatus.FAILURE.value, 0),
        )

    def wipe(self) -> None:
        with self.write() as connection:
            for table in (job_ticks, jobs, job_run_keys, backfills):
                connection.execute(table.delete())


_MOVED = jobs.update().where(jobs.c.job_origin_id == sa.bindparam("moved_job"))


def _locked_states(connection: sa.Connection, job_origin_ids: Sequence[str]) -> dict[str, JobState]:
    """The states of jobs, which nobody else changes before the transaction ends."""
    query = sa.select(jobs.c.job_origin_id, jobs.c.body).order_by(jobs.c.id).with_for_update()
    rows = [
        row
        for batch in batches(sorted(job_origin_ids))
        for row in connection.execute(query.where(jobs.c.job_origin_id.in_(batch))).all()
    ]
    return {row.job_origin_id: from_json(JobState, row.body) for row in rows}


def _created_ticks(connection: sa.Connection, ticks: Sequence[JobTickData]) -> list[JobTick]:
    if not ticks:
        return []
    inserted = job_ticks.insert().returning(job_ticks.c.id, sort_by_parameter_order=True)
    numbers = connection.execute(inserted, [_tick_row(data) for data in ticks]).scalars().all()
    return [JobTick(number, data) for number, data in zip(numbers, ticks, strict=True)]


def _state_row(job: JobState) -> dict[str, Any]:
    return {
        "job_origin_id": job.job_origin_id,
        "repository_origin_id": job.repository_origin_id,
        "job_type": job.job_type.value,
        "status": job.status.value,
        "body": to_json(job),
    }


def _comes_after(cursor: TickCursor) -> sa.ColumnElement[bool]:
    # Compared as one row value: with it, SQLite and PostgreSQL go straight to the place in the index.
    columns = (job_ticks.c.timestamp, job_ticks.c.id)
    place = (sa.literal(value, column.type) for value, column in zip(cursor, columns, strict=True))
    return sa.tuple_(*columns) < sa.tuple_(*place)


def _tick_row(data: JobTickData) -> dict[str, Any]:
    return {
        "job_origin_id": data.job_origin_id,
        "status": data.status.value,
        "timestamp": data.timestamp,
        "body": to_json(data),
    }
