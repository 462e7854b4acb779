"""Backfills in the memory of this process."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from core.forks import fork_safe_lock
from core.records.backfill import BackfillPartition, BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.pipeline_run import make_new_run_id
from core.storage.paging import check_limit
from core.storage.schedules.backfills import BackfillStorage, backfill_exists, no_backfill


class InMemoryBackfills(BackfillStorage):
    """Backfills that end with the process."""

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._backfills: dict[str, PartitionBackfill] = {}
        self._partitions: dict[str, list[BackfillPartition]] = {}

    def add_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        key = partition_backfill.backfill_id
        with self._lock:
            if key in self._backfills:
                raise backfill_exists(partition_backfill)
            self._backfills[key] = partition_backfill
            names = partition_backfill.partition_names
            self._partitions[key] = [BackfillPartition(name, make_new_run_id()) for name in names]
        return partition_backfill

    def get_backfill(self, backfill_id: str) -> PartitionBackfill | None:
        with self._lock:
            found = self._backfills.get(backfill_id)
            return None if found is None else self._with_progress(found)

    def get_backfill_status(self, backfill_id: str) -> BulkActionStatus | None:
        found = self._backfills.get(backfill_id)
        return None if found is None else found.status

    def get_backfills(
        self, status: BulkActionStatus | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PartitionBackfill]:
        check_limit(limit)
        with self._lock:
            keys = list(self._backfills)
            if cursor is not None:
                keys = keys[: keys.index(cursor)] if cursor in keys else []
            found = [self._with_progress(self._backfills[key]) for key in reversed(keys)]
        return [each for each in found if status in (None, each.status)][:limit]

    def _with_progress(self, backfill: PartitionBackfill) -> PartitionBackfill:
        submitted = [
            each.partition_name
            for each in self._partitions[backfill.backfill_id]
            if each.status is BackfillPartitionStatus.SUBMITTED
        ]
        return msgspec.structs.replace(backfill, last_submitted_partition_name=submitted[-1] if submitted else None)

    def update_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        key = partition_backfill.backfill_id
        with self._lock:
            if key not in self._backfills:
                raise no_backfill(key)
            names = self._backfills[key].partition_names
            self._backfills[key] = msgspec.structs.replace(partition_backfill, partition_names=names)
        return partition_backfill

    def end_backfill(self, partition_backfill: PartitionBackfill) -> bool:
        key = partition_backfill.backfill_id
        with self._lock:
            stored = self._backfills.get(key)
            if stored is None or stored.status is not BulkActionStatus.REQUESTED:
                return False
            self._backfills[key] = stored.with_status(partition_backfill.status, partition_backfill.error)
        return True

    def get_backfill_partitions(
        self, backfill_id: str, status: BackfillPartitionStatus | None = None, limit: int | None = None
    ) -> list[BackfillPartition]:
        check_limit(limit)
        with self._lock:
            found = list(self._partitions.get(backfill_id, ()))
        return [each for each in found if status in (None, each.status)][:limit]

    def set_backfill_partitions(
        self, backfill_id: str, run_ids: Collection[str], status: BackfillPartitionStatus
    ) -> None:
        with self._lock:
            self._partitions[backfill_id] = [
                msgspec.structs.replace(each, status=status) if each.run_id in run_ids else each
                for each in self._partitions.get(backfill_id, ())
            ]

    def _wipe_backfills(self) -> None:
        with self._lock:
            self._backfills.clear()
            self._partitions.clear()
