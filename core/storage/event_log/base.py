"""The interface of event log storages; `tests/core/storage/test_event_log_storage.py` tests every implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

import msgspec

from core.cached import cached_property
from core.errors import DagsterRunConflict
from core.events.event_types import DagsterEventType
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey
from core.records.claim import Claim
from core.records.removal import Removal
from core.records.schema_migration import Migration
from core.storage.event_log.watch import EventCallback, EventWatcher


def taken_over(claim: Claim) -> DagsterRunConflict:
    """The error of who would store something of a run that another has taken over."""
    return DagsterRunConflict(
        f"Run {claim.key} was taken over by another process, since this one was stopped or cut off from the run "
        "database. Nothing more of it is recorded here."
    )


StepOutputKey = tuple[str, StepOutputHandle]


class EventLogRecord(msgspec.Struct, frozen=True):
    """An entry with its place in the log of its run, or among the events of an asset.

    Attributes:
        storage_id: grows from entry to entry; serves as a cursor.
        event_log_entry: the entry.

    Example:
        >>> from core import EventLogEntry
        >>> from core.storage.event_log import InMemoryEventLogStorage
        >>> storage = InMemoryEventLogStorage()
        >>> for text in ("one", "two"):
        ...     storage.store_events([EventLogEntry(None, text, 20, text, "a-run", timestamp=1620000000.0)])
        >>> (first,) = storage.get_records_for_run("a-run", limit=1)
        >>> [each.event_log_entry.message for each in storage.get_records_for_run("a-run", cursor=first.storage_id)]
        ['two']
    """

    storage_id: int
    event_log_entry: EventLogEntry


class StepOutputAddress(msgspec.Struct, frozen=True):
    """Where a version of a step's output is stored.

    Attributes:
        address: a path or URL.
        run_id: the run that stored it.

    Example:
        >>> from core import ModeDefinition, StepOutputHandle, execute_pipeline, instance_for_test, pipeline, solid
        >>> from core import versioned_filesystem_io_manager
        >>> one = solid(name="one", version="1")(lambda context: 1)
        >>> mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> with instance_for_test() as instance:
        ...     result = execute_pipeline(count, memoize=True, instance=instance)
        ...     version = result.result_for_solid("one").get_output_event_for_compute().step_output_data.version
        ...     output = ("count", StepOutputHandle("one"))
        ...     found = instance.event_log_storage.get_step_output_addresses({output: version})[output]
        >>> found.run_id == result.run_id, found.address
        (True, '...versioned_outputs/one/result/...')
    """

    address: str
    run_id: str


class EventLogStorage(ABC):
    """Keeps the log of every run. Safe for use by many threads and, where persistent, many processes.

    The entries of a run keep the order in which they were stored. Once a method has returned, its changes are kept
    even if the process is killed immediately afterwards.

    Example:
        >>> from core import DagsterEvent, DagsterEventType, EventLogEntry
        >>> from core.storage.event_log import EventLogStorage, InMemoryEventLogStorage
        >>> storage: EventLogStorage = InMemoryEventLogStorage()
        >>> event = DagsterEvent("STEP_START", "count", step_key="one")
        >>> storage.store_events([EventLogEntry(None, "", 10, "", "a-run", 1620000000.0, "one", "count", event)])
        >>> [record.event_log_entry.step_key for record in storage.get_records_for_run("a-run")]
        ['one']
    """

    is_of_one_machine = False
    """Whether only processes of this machine can open it, as a file on its disk."""

    @abstractmethod
    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        """Appends entries, each to the log of its run. Either all entries of a run are stored, or none."""

    @abstractmethod
    def store_claimed_events(self, claim: Claim, events: Sequence[EventLogEntry]) -> None:
        """As `store_events`, of the run that a claim is to, by who holds it; nobody before him stores any more.

        Raises:
            DagsterRunConflict: another has taken the run over, and stored something of it or called `fence`. Nothing is
                stored.
        """

    @abstractmethod
    def fence(self, claim: Claim) -> None:
        """Has nothing more stored of a run by those who held it before; see `store_claimed_events`."""

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
        """The entries of a run, in order; an unknown run has none.

        Args:
            run_id: the run.
            cursor: only entries after the one with this `storage_id`.
            of_type: only events of this type.
            limit: maximum number of entries.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
            DagsterEventLogInvalidForRun: an entry of it cannot be read.
        """

    def get_logs_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogEntry]:
        """Like `get_records_for_run`, without the places."""
        return [record.event_log_entry for record in self.get_records_for_run(run_id, cursor, of_type, limit)]

    @abstractmethod
    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        """Finds where versions of step outputs were stored, by any run.

        Args:
            step_output_versions: (pipeline name, output) -> version.

        Returns:
            (pipeline name, output) -> the most recent address; outputs without one are left out.
        """

    @abstractmethod
    def get_used_addresses(
        self, addresses: Collection[str], ignored_run_ids: Collection[str] = frozenset()
    ) -> set[str]:
        """Those of `addresses` whose values a run stored or found, as far as the index knows.

        Args:
            addresses: paths or URLs.
            ignored_run_ids: runs that count as deleted.
        """

    @abstractmethod
    def count_users(self, addresses: Collection[str], run_ids: Collection[str] | None = None) -> dict[str, int]:
        """How many runs stored or found the value at each address, as far as the index knows.

        Args:
            addresses: paths or URLs.
            run_ids: only these runs count.

        Returns:
            address -> number of runs; addresses whose values no run used are left out.
        """

    @abstractmethod
    def get_value_stamps(self, addresses: Collection[str]) -> dict[str, str]:
        """The stamps by which IO managers tell the values at some addresses from others that may be written there.

        Args:
            addresses: paths or URLs.

        Returns:
            address -> the most recent stamp that a run recorded when it stored or found the value; addresses without
            one are left out. A stamp is kept for as long as the index knows a run that used the value.
        """

    @abstractmethod
    def all_asset_keys(self) -> list[AssetKey]:
        """Every asset that a run materialized, as far as the index knows, sorted by path."""

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
        """Materializations of an asset in any run, newest first; an unknown asset has none.

        Args:
            asset_key: the asset.
            partitions: only materializations of these partitions.
            before_cursor: only materializations before the one with this `storage_id`.
            after_cursor: only materializations after the one with this `storage_id`.
            limit: maximum number of entries.
            ascending: oldest first.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    @abstractmethod
    def wipe_asset(self, asset_key: AssetKey) -> None:
        """Deletes an asset and its materializations from the index; the logs of the runs stay as they are."""

    def watch(self, run_id: str, cursor: int | None, callback: EventCallback) -> None:
        """Calls `callback` with each entry of a run after `cursor`, in order, whichever process stores it.

        The callback is called in a separate thread, soon after an entry is stored; the last call is for the event
        that ends the run. Exceptions that it raises are logged. The run need not have begun.
        """
        self._watcher.watch(run_id, cursor, callback)

    def end_watch(self, run_id: str, callback: EventCallback) -> None:
        """Stops calling a callback, after the call in progress if there is one; an unknown callback is ignored."""
        self._watcher.end_watch(run_id, callback)

    @cached_property
    def _watcher(self) -> EventWatcher:
        return EventWatcher(self)

    def delete_events(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes the log of a run and its entries in the index across runs.

        Args:
            run_id: the run; an unknown one is ignored.
            dry_run: changes nothing.

        Returns:
            What was deleted, or would be.
        """
        if not dry_run:
            # First: if the process is killed in between, the log is still there, and can be deleted again.
            self.forget_index_entries(run_id)
        return self.delete_log(run_id, dry_run)

    @abstractmethod
    def delete_log(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes the log of a run and keeps its entries in the index; otherwise like `delete_events`."""

    @abstractmethod
    def forget_index_entries(self, run_id: str) -> None:
        """Deletes the entries of a run in the index: its materializations, and the values it stored and found.

        The address and the stamp of a value stay for as long as the index knows another run that used the value.
        """

    @abstractmethod
    def wipe(self) -> None:
        """Deletes every log, and the index."""

    @property
    @abstractmethod
    def is_persistent(self) -> bool:
        """bool: whether the logs outlive this process."""

    def check(self) -> None:
        """Raises DagsterStorageError if the storage cannot be used, DagsterSchemaError if it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the schema that this release needs; returns what was done, nothing if it is up to date.

        Raises:
            DagsterStorageError: the storage cannot be used, or a migration failed; its database is unchanged then.
        """
        return []

    def dispose(self) -> None:
        """Ends all watches and closes all connections; they are opened again when the storage is used again."""
        self._watcher.close()
