"""Event logs in the memory of this process, for ephemeral instances."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from core.events.event_types import DagsterEventType
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey
from core.forks import fork_safe_lock
from core.records.claim import Claim
from core.records.removal import Removal
from core.storage.event_log.base import EventLogRecord, EventLogStorage, StepOutputAddress, StepOutputKey, taken_over
from core.storage.event_log.index import AssetEvent, StoredOutput, entries_from_log
from core.storage.paging import check_limit
from core.wording import counted


class InMemoryEventLogStorage(EventLogStorage):
    """Event logs in the memory of this process, which end with it.

    Example:
        >>> from core import EventLogEntry
        >>> from core.storage.event_log import InMemoryEventLogStorage
        >>> storage = InMemoryEventLogStorage()
        >>> storage.store_events([EventLogEntry(None, "hello", 20, "hello", "a-run", timestamp=1620000000.0)])
        >>> storage.get_records_for_run("a-run")[0].event_log_entry.time.year
        2021
    """

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._logs: dict[str, list[EventLogEntry]] = {}
        self._fences: dict[str, int] = {}
        self._outputs: list[StoredOutput] = []
        self._uses: set[tuple[str, str]] = set()
        self._stamps: dict[str, str] = {}
        self._assets: dict[int, AssetEvent] = {}
        self._asset_events_ever = 0

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        with self._lock:
            self._append(events)

    def store_claimed_events(self, claim: Claim, events: Sequence[EventLogEntry]) -> None:
        with self._lock:
            if self._fences.get(claim.key, 0) > claim.number:
                raise taken_over(claim)
            self._fences[claim.key] = claim.number
            self._append(events)

    def fence(self, claim: Claim) -> None:
        with self._lock:
            self._fences[claim.key] = max(claim.number, self._fences.get(claim.key, 0))

    def _append(self, events: Sequence[EventLogEntry]) -> None:
        index_entries = entries_from_log(events)
        for entry in events:
            self._logs.setdefault(entry.run_id, []).append(entry)
        self._outputs.extend(index_entries.outputs)
        self._uses.update(index_entries.uses)
        self._stamps.update(index_entries.stamps)
        for made in index_entries.assets:
            self._asset_events_ever += 1
            self._assets[self._asset_events_ever] = made

    def get_records_for_run(
        self,
        run_id: str,
        cursor: int | None = None,
        of_type: DagsterEventType | None = None,
        limit: int | None = None,
    ) -> list[EventLogRecord]:
        check_limit(limit)
        start = 0 if cursor is None else max(cursor, 0)
        entries = enumerate(self._logs.get(run_id, [])[start:], start=start + 1)
        records = (EventLogRecord(place, entry) for place, entry in entries if _is_of(entry, of_type))
        return list(itertools.islice(records, limit))

    def get_step_output_addresses(
        self, step_output_versions: Mapping[StepOutputKey, str]
    ) -> dict[StepOutputKey, StepOutputAddress]:
        found: dict[StepOutputKey, StepOutputAddress] = {}
        with self._lock:
            outputs = list(self._outputs)
        for output in outputs:
            key = (output.pipeline_name, output.handle)
            if step_output_versions.get(key) == output.version:
                found[key] = StepOutputAddress(output.address, output.run_id)
        return found

    def get_used_addresses(
        self, addresses: Collection[str], ignored_run_ids: Collection[str] = frozenset()
    ) -> set[str]:
        with self._lock:
            return set(addresses) & {address for address, run_id in self._uses if run_id not in ignored_run_ids}

    def count_users(self, addresses: Collection[str], run_ids: Collection[str] | None = None) -> dict[str, int]:
        wanted = set(addresses)
        with self._lock:
            uses = list(self._uses)
        return Counter(
            address for address, run_id in uses if address in wanted and (run_ids is None or run_id in run_ids)
        )

    def get_value_stamps(self, addresses: Collection[str]) -> dict[str, str]:
        with self._lock:
            return {address: self._stamps[address] for address in addresses if address in self._stamps}

    def all_asset_keys(self) -> list[AssetKey]:
        with self._lock:
            return sorted({made.asset_key for made in self._assets.values()}, key=lambda key: key.path)

    def get_asset_records(
        self,
        asset_key: AssetKey,
        partitions: Collection[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> list[EventLogRecord]:
        check_limit(limit)
        with self._lock:
            events = list(self._assets.items())
        records = [
            EventLogRecord(place, made.entry)
            for place, made in events
            if made.asset_key == asset_key
            and (partitions is None or made.partition in partitions)
            and (before_cursor is None or place < before_cursor)
            and (after_cursor is None or place > after_cursor)
        ]
        return (records if ascending else records[::-1])[:limit]

    def wipe_asset(self, asset_key: AssetKey) -> None:
        with self._lock:
            self._assets = {place: made for place, made in self._assets.items() if made.asset_key != asset_key}

    def delete_log(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        with self._lock:
            log = self._logs.get(run_id) if dry_run else self._logs.pop(run_id, None)
            if not dry_run:
                self._fences.pop(run_id, None)
        return [] if log is None else [Removal("events", f"{counted(len(log), 'event')} of run {run_id} in memory")]

    def forget_index_entries(self, run_id: str) -> None:
        with self._lock:
            self._uses = {use for use in self._uses if use[1] != run_id}
            used = {address for address, _ in self._uses}
            self._outputs = [output for output in self._outputs if output.address in used]
            self._stamps = {address: stamp for address, stamp in self._stamps.items() if address in used}
            self._assets = {place: made for place, made in self._assets.items() if made.entry.run_id != run_id}

    def wipe(self) -> None:
        with self._lock:
            for kept in (self._logs, self._fences, self._outputs, self._uses, self._stamps, self._assets):
                kept.clear()

    @property
    def is_persistent(self) -> bool:
        return False


def _is_of(entry: EventLogEntry, of_type: DagsterEventType | None) -> bool:
    return of_type is None or (
        entry.dagster_event is not None and entry.dagster_event.event_type_value == of_type.value
    )
