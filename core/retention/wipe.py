"""Wiping: deletes stored versions that a user selects, wherever IO managers keep them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

import msgspec

from core.events.step_keys import solid_key_of
from core.instance.instance import DagsterInstance
from core.records.removal import Removal
from core.retention.value_users import LONGEST_UNRECORDED, count_users, runs_in_progress
from core.values.io_manager import MemoizableIOManager
from core.values.stored_version import StoredVersion

_BATCH = 1000

GRACE_PERIOD = timedelta(days=1)
"""How long a version that no run of this instance has used may still belong to a run on another machine."""


class ManagedVersion(msgspec.Struct, frozen=True, eq=False):
    """A stored version, and the IO manager that can delete it."""

    stored: StoredVersion
    manager: MemoizableIOManager


class VersionFilter(msgspec.Struct, frozen=True):
    """Selects versions by step and version; a version must match both.

    Attributes:
        step_keys: the steps, or solids that are mapped over a dynamic output; empty for all.
        version_prefixes: the version begins with one of these; empty for all.
    """

    step_keys: Sequence[str] = ()
    version_prefixes: tuple[str, ...] = ()

    def matches(self, stored: StoredVersion) -> bool:
        """Whether a version is selected."""
        key = stored.handle.step_key
        is_of_step = not self.step_keys or key in self.step_keys or solid_key_of(key) in self.step_keys
        return is_of_step and (not self.version_prefixes or stored.version.startswith(self.version_prefixes))


class WipeCriteria(msgspec.Struct, frozen=True):
    """Which versions to wipe; a version must meet all criteria.

    Attributes:
        filter: it matches this.
        stored_before: it was stored earlier than this.
        max_bytes: what the filter matches is wiped, oldest first, until no more than this is left.
        includes_used: whether versions that runs of the instance used are wiped too.
    """

    filter: VersionFilter = VersionFilter()
    stored_before: datetime | None = None
    max_bytes: int | None = None
    includes_used: bool = False


class KeepReason(Enum):
    """Why a version is kept although it meets the criteria."""

    USED = "runs used it"
    IN_PROGRESS = "a run in progress uses it, or may"
    RECENT = "another machine's run may use it"


class Selection(msgspec.Struct, frozen=True, eq=False):
    """Which versions are wiped, and which are kept.

    Attributes:
        to_wipe: oldest first.
        kept: for each reason, how many versions are kept although they meet the criteria.
        bytes_left: the size of what the filter matches after the wiping.
    """

    to_wipe: list[ManagedVersion]
    kept: Mapping[KeepReason, int]
    bytes_left: int


def list_versions(managers: Iterable[MemoizableIOManager]) -> list[ManagedVersion]:
    """All versions that some IO managers have stored, each once, sorted by step, output and time.

    Raises:
        DagsterInvariantViolationError: one of the IO managers cannot list its versions.
        DagsterError: a store cannot be listed.
    """
    # Two resource keys may name the same place.
    by_address = {
        each.address: ManagedVersion(each, manager) for manager in managers for each in manager.stored_versions()
    }
    return sorted(by_address.values(), key=_listing_order)


def select_versions(
    instance: DagsterInstance, versions: Iterable[ManagedVersion], criteria: WipeCriteria, now: datetime
) -> Selection:
    """Selects the versions to wipe.

    A version that runs of the instance used is kept, unless the criteria include it. A version that a run in progress
    uses is always kept and, while there is such a run, so is every version stored within the last hour, since the run
    may not have recorded it yet. A version that no run is known to have used is kept for a day, unless an age is given.
    """
    matching = sorted((each for each in versions if criteria.filter.matches(each.stored)), key=_age_order)
    candidates = [
        each for each in matching if not criteria.stored_before or each.stored.stored_at < criteria.stored_before
    ]
    reasons: dict[str, KeepReason] = {}
    for start in range(0, len(candidates), _BATCH):
        reasons.update(_keep_reasons(instance, candidates[start : start + _BATCH], criteria, now))
    to_wipe: list[ManagedVersion] = []
    kept: Counter[KeepReason] = Counter()
    bytes_left = sum(each.stored.size_bytes for each in matching)
    for each in candidates:
        if criteria.max_bytes is not None and bytes_left <= criteria.max_bytes:
            break
        reason = reasons.get(each.stored.address)
        if reason is None:
            to_wipe.append(each)
            bytes_left -= each.stored.size_bytes
        else:
            kept[reason] += 1
    return Selection(to_wipe, kept, bytes_left)


def wipe_versions(
    instance: DagsterInstance,
    versions: Sequence[ManagedVersion],
    criteria: WipeCriteria,
    now: datetime,
    dry_run: bool,
) -> Iterator[Removal]:
    """Deletes the selected versions, except those that have come into use since; only as far as it is iterated.

    Yields:
        Each version, after it was deleted or, in a dry run, that would be deleted.

    Raises:
        DagsterError: a store refuses; everything yielded so far is deleted.
    """
    for start in range(0, len(versions), _BATCH):
        batch = versions[start : start + _BATCH]
        in_use = _keep_reasons(instance, batch, criteria, now)
        by_manager: dict[int, tuple[MemoizableIOManager, list[StoredVersion]]] = {}
        for each in batch:
            if each.stored.address not in in_use:
                by_manager.setdefault(id(each.manager), (each.manager, []))[1].append(each.stored)
        for manager, stored in by_manager.values():
            deleted = [True] * len(stored) if dry_run else manager.delete_versions(stored)
            for version, is_deleted in zip(stored, deleted, strict=True):
                if is_deleted:
                    yield Removal("value", version.address, version.size_bytes)


def _keep_reasons(
    instance: DagsterInstance, versions: Sequence[ManagedVersion], criteria: WipeCriteria, now: datetime
) -> dict[str, KeepReason]:
    """By address, for those that must not be deleted."""
    in_progress = runs_in_progress(instance)  # before the users are counted; see there
    addresses = [each.stored.address for each in versions]
    users = count_users(instance, addresses)
    current_users = count_users(instance, addresses, in_progress)
    reasons: dict[str, KeepReason] = {}
    for stored in (each.stored for each in versions):
        age = now - stored.stored_at
        if current_users[stored.address] or (in_progress and age < LONGEST_UNRECORDED):
            reasons[stored.address] = KeepReason.IN_PROGRESS
        elif users[stored.address] and not criteria.includes_used:
            reasons[stored.address] = KeepReason.USED
        elif not users[stored.address] and age < GRACE_PERIOD and criteria.stored_before is None:
            reasons[stored.address] = KeepReason.RECENT
    return reasons


def _listing_order(version: ManagedVersion) -> tuple[str, str, str, datetime, str]:
    stored = version.stored
    handle = stored.handle
    return handle.step_key, handle.output_name, handle.mapping_key or "", stored.stored_at, stored.address


def _age_order(version: ManagedVersion) -> tuple[datetime, str]:
    return version.stored.stored_at, version.stored.address
