"""The records of backfills: runs for many partitions, asked for at once."""

from __future__ import annotations

from enum import Enum

import msgspec

from core.errors import DagsterInvariantViolationError
from core.records.job import check_unix_seconds
from core.records.origin import ExternalPartitionSetOrigin
from core.serdes import SerializableErrorInfo


class BulkActionStatus(Enum):
    """Where a backfill stands."""

    REQUESTED = "REQUESTED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class PartitionBackfill(msgspec.Struct, frozen=True):
    """Runs for partitions of a set.

    Attributes:
        backfill_id: unique.
        partition_set_origin: the set.
        status: REQUESTED while runs are yet to be submitted; COMPLETED when they are, whatever becomes of them.
        partition_names: the partitions, in the order in which their runs are submitted.
        from_failure: whether the last run of a partition is gone on with where it failed, and others get none.
        reexecution_steps: the steps to execute, on the last run of each partition; None for all steps, in new runs.
        tags: of each run.
        backfill_timestamp: when it was asked for; Unix time in seconds.
        last_submitted_partition_name: the last one whose run is submitted; the storage says it when it is read.
        error: why a partition got no run.

    Raises:
        DagsterInvariantViolationError: there are no partitions, one comes twice, or the time is none.

    Example:
        >>> from core.records.backfill import BulkActionStatus, PartitionBackfill
        >>> from core.records.origin import ExternalPartitionSetOrigin, ExternalRepositoryOrigin
        >>> from core.records.origin import InProcessRepositoryLocationOrigin, LoadableTargetOrigin
        >>> location = InProcessRepositoryLocationOrigin(LoadableTargetOrigin(module_name="shop"))
        >>> origin = ExternalPartitionSetOrigin(ExternalRepositoryOrigin(location, "shop"), "days")
        >>> REQUESTED = BulkActionStatus.REQUESTED
        >>> backfill = PartitionBackfill("may", origin, REQUESTED, ("2021-05-01",), backfill_timestamp=1620000000.0)
        >>> backfill.with_status(BulkActionStatus.CANCELED).status.value
        'CANCELED'
    """

    backfill_id: str
    partition_set_origin: ExternalPartitionSetOrigin
    status: BulkActionStatus
    partition_names: tuple[str, ...]
    from_failure: bool = False
    reexecution_steps: tuple[str, ...] | None = None
    tags: dict[str, str] = {}  # msgspec copies the default for each record
    backfill_timestamp: float = 0.0
    last_submitted_partition_name: str | None = None
    error: SerializableErrorInfo | None = None

    def __post_init__(self) -> None:
        check_unix_seconds(self.backfill_timestamp, "backfill_timestamp")
        if not self.partition_names:
            raise DagsterInvariantViolationError(f"Backfill {self.backfill_id!r} has no partitions; name some.")
        if len(set(self.partition_names)) != len(self.partition_names):
            twice = next(name for name in self.partition_names if self.partition_names.count(name) > 1)
            raise DagsterInvariantViolationError(f"Backfill {self.backfill_id!r} has partition {twice!r} twice.")

    @property
    def partition_set_name(self) -> str:
        """str: the name of the set."""
        return self.partition_set_origin.partition_set_name

    def with_status(self, status: BulkActionStatus, error: SerializableErrorInfo | None = None) -> PartitionBackfill:
        """The same backfill in another status; `error`, where it is given, takes the place of the previous one."""
        return msgspec.structs.replace(self, status=status, error=error or self.error)


class BackfillPartitionStatus(Enum):
    """What became of a partition of a backfill."""

    REQUESTED = "REQUESTED"
    SUBMITTED = "SUBMITTED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class BackfillPartition(msgspec.Struct, frozen=True):
    """A partition of a backfill.

    Attributes:
        partition_name: the partition.
        run_id: the id of its run, which is reserved for it from the beginning.
        status: whether the run is submitted; SKIPPED where there was nothing to go on with, FAILED where its config
            could not be made.
    """

    partition_name: str
    run_id: str
    status: BackfillPartitionStatus = BackfillPartitionStatus.REQUESTED
