"""The queries about backfills on any SQL database."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records.backfill import BackfillPartition, BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.pipeline_run import make_new_run_id
from core.serdes import from_json, to_json
from core.storage.paging import check_limit
from core.storage.schedules.backfills import BackfillStorage, backfill_exists, no_backfill
from core.storage.schedules.schema import backfill_partitions, backfills
from core.storage.sql.in_lists import batches
from core.storage.sql.storage import SqlStorage

_IS_REQUESTED = backfills.c.status == BulkActionStatus.REQUESTED.value


class SqlBackfills(SqlStorage, BackfillStorage):
    """Base of the schedule storages on SQL databases."""

    def add_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        try:
            with self.write() as connection:
                key = connection.execute(backfills.insert(), _row(partition_backfill)).inserted_primary_key
                assert key is not None
                rows = [
                    {
                        "backfill": key[0],
                        "number": number,
                        "partition_name": name,
                        "run_id": make_new_run_id(),
                        "status": BackfillPartitionStatus.REQUESTED.value,
                    }
                    for number, name in enumerate(partition_backfill.partition_names)
                ]
                connection.execute(backfill_partitions.insert(), rows)
        except sa.exc.IntegrityError as error:
            raise backfill_exists(partition_backfill) from error
        return partition_backfill

    def get_backfill(self, backfill_id: str) -> PartitionBackfill | None:
        query = sa.select(backfills).where(backfills.c.backfill_id == backfill_id)
        with self.read() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _whole(connection, row)

    def get_backfill_status(self, backfill_id: str) -> BulkActionStatus | None:
        query = sa.select(backfills.c.status).where(backfills.c.backfill_id == backfill_id)
        with self.read() as connection:
            status = connection.execute(query).scalar_one_or_none()
        return None if status is None else BulkActionStatus(status)

    def get_backfills(
        self, status: BulkActionStatus | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PartitionBackfill]:
        check_limit(limit)
        query = sa.select(backfills).order_by(backfills.c.id.desc()).limit(limit)
        if status is not None:
            query = query.where(backfills.c.status == status.value)
        if cursor is not None:
            query = query.where(backfills.c.id < _number_of(cursor))
        with self.read() as connection:
            return [_whole(connection, row) for row in connection.execute(query).all()]

    def update_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        changed = backfills.update().where(backfills.c.backfill_id == partition_backfill.backfill_id)
        with self.write() as connection:
            if connection.execute(changed.values(_row(partition_backfill))).rowcount == 0:
                raise no_backfill(partition_backfill.backfill_id)
        return partition_backfill

    def end_backfill(self, partition_backfill: PartitionBackfill) -> bool:
        changed = backfills.update().where(backfills.c.backfill_id == partition_backfill.backfill_id, _IS_REQUESTED)
        with self.write() as connection:
            return connection.execute(changed.values(_row(partition_backfill))).rowcount > 0

    def get_backfill_partitions(
        self, backfill_id: str, status: BackfillPartitionStatus | None = None, limit: int | None = None
    ) -> list[BackfillPartition]:
        check_limit(limit)
        query = _partitions_of(_number_of(backfill_id)).limit(limit)
        if status is not None:
            query = query.where(backfill_partitions.c.status == status.value)
        with self.read() as connection:
            rows = connection.execute(query).all()
        return [BackfillPartition(row.partition_name, row.run_id, BackfillPartitionStatus(row.status)) for row in rows]

    def set_backfill_partitions(
        self, backfill_id: str, run_ids: Collection[str], status: BackfillPartitionStatus
    ) -> None:
        changed = backfill_partitions.update().where(backfill_partitions.c.backfill == _number_of(backfill_id))
        with self.write() as connection:
            for batch in batches(list(run_ids)):
                chosen = backfill_partitions.c.run_id.in_(batch)
                connection.execute(changed.where(chosen).values(status=status.value))


def _number_of(backfill_id: str) -> sa.ScalarSelect[int]:
    return sa.select(backfills.c.id).where(backfills.c.backfill_id == backfill_id).scalar_subquery()


def _partitions_of(number: Any) -> sa.Select[Any]:
    return (
        sa.select(backfill_partitions)
        .where(backfill_partitions.c.backfill == number)
        .order_by(backfill_partitions.c.number)
    )


def _row(backfill: PartitionBackfill) -> dict[str, Any]:
    """Partitions are rows of their own; one stands in the body, since a backfill without any is none."""
    kept = msgspec.structs.replace(
        backfill, partition_names=backfill.partition_names[:1], last_submitted_partition_name=None
    )
    return {"backfill_id": backfill.backfill_id, "status": backfill.status.value, "body": to_json(kept)}


def _whole(connection: sa.Connection, row: Any) -> PartitionBackfill:
    partitions = connection.execute(_partitions_of(row.id)).all()
    submitted = [each.partition_name for each in partitions if each.status == BackfillPartitionStatus.SUBMITTED.value]
    return msgspec.structs.replace(
        from_json(PartitionBackfill, row.body),
        partition_names=tuple(each.partition_name for each in partitions),
        last_submitted_partition_name=submitted[-1] if submitted else None,
    )
