"""What an event log storage does; `tests/core/storage/test_event_log_storage.py` holds every implementation to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import msgspec

from core.events.event_types import DagsterEventType
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey
from core.records.removal import Removal
from core.records.schema_migration import Migration
from core.storage.event_log.watch import EventCallback, EventWatcher

StepOutputKey = tuple[str, StepOutputHandle]


class EventLogRecord(msgspec.Struct, frozen=True):
    """An entry with its place in its run's log, or among the events of an asset.

    Attributes:
        storage_id: grows along them; a cursor.
        event_log_entry: the entry.
    """

    storage_id: int
    event_log_entry: EventLogEntry


class StepOutputAddress(msgspec.Struct, frozen=True):
    """Where a version of a step's output is.

    Attributes:
        address: a path or URL.
        run_id: the run that made it.
    """

    address: str
    run_id: str


class EventLogStorage(ABC):
    """Keeps the log of every run. Safe for use by many threads and, where persistent, many processes.

    Entries of a run are kept in the order in which they were stored. What a method has returned from is kept
    even if the process is killed the moment after.
    """

    @abstractmethod
    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        """Appends entries, each to the log of its run. Of one run's entries all are stored, or none."""

    def store_event(self, event: EventLogEntry) -> None:
        """Appends one entry to the log of its run."""
        self.store_events([event])

    @abstractmethod
    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        """Entries of a run, in order; an unknown run has none.

        Args:
            run_id: the run.
            cursor: only those after the one with this `storage_id`.
            of_type: only events of this type.
            limit: at most so many.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    def get_logs_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogEntry]:
        """As `get_records_for_run`, the entries alone."""
        return [record.event_log_entry for record in self.get_records_for_run(run_id, cursor, of_type, limit)]

    @abstractmethod
    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        """Finds where versions of step outputs were stored, in any run.

        Args:
            step_output_versions: (pipeline name, output) -> version.

        Returns:
            (pipeline name, output) -> the address stored last; outputs without one are left out.
        """

    @abstractmethod
    def get_used_addresses(
        self, addresses: Collection[str], ignored_run_ids: Collection[str] = frozenset()
    ) -> set[str]:
        """Those of `addresses` whose values a run stored or found, as far as that is known.

        Args:
            addresses: paths or URLs.
            ignored_run_ids: runs that count as forgotten.
        """

    @abstractmethod
    def count_users(self, addresses: Collection[str], run_ids: Collection[str] | None = None) -> dict[str, int]:
        """How many runs stored or found each of some values, as far as that is known.

        Args:
            addresses: paths or URLs.
            run_ids: only these runs count.

        Returns:
            address -> a number of runs; addresses whose values no run used are left out.
        """

    @abstractmethod
    def get_value_stamps(self, addresses: Collection[str]) -> dict[str, str]:
        """What tells the values at addresses from others that may come to be there, as their IO managers said it.

        Args:
            addresses: paths or URLs.

        Returns:
            address -> the stamp that a run recorded last, when it stored the value or found it; addresses without one
            are left out. It is known while it is known of a run that it used the value.
        """

    @abstractmethod
    def all_asset_keys(self) -> list[AssetKey]:
        """Every asset that a run materialized, as far as that is known, sorted by path."""

    @abstractmethod
    def get_asset_records(
        self,
        asset_key: AssetKey,
        partitions: Collection[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> list[EventLogRecord]:
        """Materializations of an asset in any run, the one stored last first; an unknown asset has none.

        Args:
            asset_key: the asset.
            partitions: only those of these partitions.
            before_cursor: only those before the one with this `storage_id`.
            after_cursor: only those after it.
            limit: at most so many.
            ascending: the one stored first comes first.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    @abstractmethod
    def wipe_asset(self, asset_key: AssetKey) -> None:
        """Forgets an asset and its materializations; the logs of the runs stay as they are."""

    def watch(self, run_id: str, cursor: int | None, callback: EventCallback) -> None:
        """Calls `callback` with each entry of a run after `cursor`, in order, whatever process stores it.

        It is called from a thread of its own, soon after an entry is stored, and for the last time with the event
        that ends the run. What it raises is logged. The run need not have begun.
        """
        self._watcher.watch(run_id, cursor, callback)

    def end_watch(self, run_id: str, callback: EventCallback) -> None:
        """Calls it no more, once a call that is under way is over; of one that does not watch, does nothing."""
        self._watcher.end_watch(run_id, callback)

    @cached_property
    def _watcher(self) -> EventWatcher:
        return EventWatcher(self)

    def delete_events(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Forgets the log of a run, and what is known from it across runs.

        Args:
            run_id: the run; nothing is done for an unknown one.
            dry_run: changes nothing.

        Returns:
            What went, or would go.
        """
        if not dry_run:
            self.forget_index_entries(
                run_id
            )  # first: when this is cut short, the log is still there to be deleted again
        return self.delete_log(run_id, dry_run)

    @abstractmethod
    def delete_log(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Forgets the log of a run, and keeps what is known from it across runs; otherwise as `delete_events`."""

    @abstractmethod
    def forget_index_entries(self, run_id: str) -> None:
        """Forgets what is known across runs from the log of a run: its assets, and the values it stored and found.

        Where a value was stored, and its stamp, stay known while it is known of another run that it used the value.
        """

    @abstractmethod
    def wipe(self) -> None:
        """Forgets every log."""

    @property
    @abstractmethod
    def is_persistent(self) -> bool:
        """bool: whether the logs outlive this process."""

    def check(self) -> None:
        """Raises DagsterStorageError where it cannot be used, DagsterSchemaError where it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the form this release needs; returns what was done, nothing where it has that form.

        Raises:
            DagsterStorageError: it cannot be used, or a migration failed and its database was not changed.
        """
        return []

    def dispose(self) -> None:
        """Ends all watches and lets go of connections; the storage opens them anew if it is used again."""
        self._watcher.close()
