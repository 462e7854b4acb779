"""The part of the interface of schedule storages that keeps backfills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from core.errors import DagsterInvariantViolationError
from core.records.backfill import BackfillPartition, BackfillPartitionStatus, BulkActionStatus, PartitionBackfill


class BackfillStorage(ABC):
    """Keeps backfills, and for each of their partitions the run that is reserved for it, and whether it is submitted.

    What is submitted is known by partition, so a backfill that was cut short is gone on with, and no run comes twice.
    """

    @abstractmethod
    def add_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        """Stores a new backfill, with an id of a run for each partition, and returns it.

        Raises:
            DagsterInvariantViolationError: there is one with its id; it stays as it is.
        """

    @abstractmethod
    def get_backfill(self, backfill_id: str) -> PartitionBackfill | None:
        """The backfill, or None."""

    @abstractmethod
    def get_backfill_status(self, backfill_id: str) -> BulkActionStatus | None:
        """Where a backfill stands, or None; without reading its partitions."""

    @abstractmethod
    def get_backfills(
        self, status: BulkActionStatus | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PartitionBackfill]:
        """Backfills, the newest first.

        Args:
            status: only those in this status.
            cursor: the id of a backfill; only those that were added before it. An unknown id gives an empty list.
            limit: maximum number of backfills.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    @abstractmethod
    def update_backfill(self, partition_backfill: PartitionBackfill) -> PartitionBackfill:
        """Replaces what is stored of a backfill, less its partitions, and returns it.

        Raises:
            DagsterInvariantViolationError: there is no such backfill.
        """

    @abstractmethod
    def end_backfill(self, partition_backfill: PartitionBackfill) -> bool:
        """Gives a backfill another status, where it is REQUESTED; of many callers one succeeds.

        Args:
            partition_backfill: with the new status, and the error, if there is one.

        Returns:
            Whether it was REQUESTED.
        """

    @abstractmethod
    def get_backfill_partitions(
        self, backfill_id: str, status: BackfillPartitionStatus | None = None, limit: int | None = None
    ) -> list[BackfillPartition]:
        """The partitions of a backfill, in its order; an unknown one has none.

        Args:
            backfill_id: the backfill.
            status: only partitions in this status.
            limit: maximum number of partitions.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    @abstractmethod
    def set_backfill_partitions(
        self, backfill_id: str, run_ids: Collection[str], status: BackfillPartitionStatus
    ) -> None:
        """Says what became of partitions of a backfill, by the ids of their runs."""


def backfill_exists(backfill: PartitionBackfill) -> DagsterInvariantViolationError:
    """What `add_backfill` raises."""
    return DagsterInvariantViolationError(
        f"There is a backfill {backfill.backfill_id!r} already; choose another id, or change it with update_backfill."
    )


def no_backfill(backfill_id: str) -> DagsterInvariantViolationError:
    """What `update_backfill` raises."""
    return DagsterInvariantViolationError(
        f"There is no backfill {backfill_id!r}; add it with add_backfill, or list those there are with get_backfills."
    )
