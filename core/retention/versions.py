"""Deleting stored versions that nobody needs, wherever IO managers keep them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum

import msgspec

from core.instance.instance import DagsterInstance
from core.records.removal import Removal
from core.retention.value_users import MOST_TIME_TO_RECORD, count_users, runs_in_progress
from core.values.io_manager import MemoizableIOManager
from core.values.stored_version import StoredVersion

_BATCH = 1000

YOUNG = timedelta(days=1)
"""How long a value that no run here is known to have used is taken for another machine's."""


class Held(msgspec.Struct, frozen=True, eq=False):
    """A stored version, with the IO manager that has it."""

    stored: StoredVersion
    manager: MemoizableIOManager


class Criteria(msgspec.Struct, frozen=True):
    """Which versions go; one must meet all that is given.

    Attributes:
        step_keys: of one of these steps.
        version_prefixes: the version begins with one of these.
        stored_before: stored earlier than that.
        most_bytes: of those of `step_keys` and `version_prefixes` only so much is left; the oldest go.
        takes_used: also those that runs of the instance used.
    """

    step_keys: Sequence[str] = ()
    version_prefixes: tuple[str, ...] = ()
    stored_before: datetime | None = None
    most_bytes: int | None = None
    takes_used: bool = False

    def covers(self, stored: StoredVersion) -> bool:
        """Whether it is of one of the steps, and its version begins as it must."""
        is_of_step = not self.step_keys or stored.step_key in self.step_keys
        return is_of_step and (not self.version_prefixes or stored.version.startswith(self.version_prefixes))


class Kept(Enum):
    """Why a version stays that meets the criteria."""

    USED = "runs used it"
    IN_PROGRESS = "a run in progress uses it, or may"
    YOUNG = "another machine's run may use it"


class Selection(msgspec.Struct, frozen=True, eq=False):
    """What goes, and what does not.

    Attributes:
        doomed: what goes, the oldest first.
        kept: how many stay for each reason, though they meet the criteria.
        left_bytes: how much is left of what the criteria cover.
    """

    doomed: list[Held]
    kept: Mapping[Kept, int]
    left_bytes: int


def held_by(managers: Iterable[MemoizableIOManager]) -> list[Held]:
    """Everything that some IO managers have stored, each value once, sorted by step, output and time.

    Raises:
        DagsterInvariantViolationError: one of them cannot list.
        DagsterError: a store cannot be listed.
    """
    by_address = {each.address: Held(each, manager) for manager in managers for each in manager.stored_versions()}
    return sorted(by_address.values(), key=_place_in_list)


def select(instance: DagsterInstance, held: Iterable[Held], criteria: Criteria, now: datetime) -> Selection:
    """What of `held` goes.

    What runs of the instance used stays, unless the criteria take it too; what runs in progress use stays in any case,
    and while there are any also what was stored within the last hour, since they may not have recorded it yet. What no
    run is known to have used stays for a day, unless an age is given.
    """
    covered = sorted((each for each in held if criteria.covers(each.stored)), key=_age_order)
    candidates = [
        each for each in covered if not criteria.stored_before or each.stored.stored_at < criteria.stored_before
    ]
    reasons: dict[str, Kept] = {}
    for start in range(0, len(candidates), _BATCH):
        reasons.update(_reasons_to_keep(instance, candidates[start : start + _BATCH], criteria, now))
    doomed: list[Held] = []
    kept: Counter[Kept] = Counter()
    left_bytes = sum(each.stored.size_bytes for each in covered)
    for each in candidates:
        if criteria.most_bytes is not None and left_bytes <= criteria.most_bytes:
            break
        reason = reasons.get(each.stored.address)
        if reason is None:
            doomed.append(each)
            left_bytes -= each.stored.size_bytes
        else:
            kept[reason] += 1
    return Selection(doomed, kept, left_bytes)


def wipe(
    instance: DagsterInstance, doomed: Sequence[Held], criteria: Criteria, now: datetime, dry_run: bool
) -> Iterator[Removal]:
    """Deletes what was selected, except what has come into use since; goes on only as far as it is iterated.

    Yields:
        Each version, when it has gone, or would go.

    Raises:
        DagsterError: a store refuses; what was yielded has gone.
    """
    for start in range(0, len(doomed), _BATCH):
        batch = doomed[start : start + _BATCH]
        in_use = _reasons_to_keep(instance, batch, criteria, now)
        by_manager: dict[int, tuple[MemoizableIOManager, list[StoredVersion]]] = {}
        for each in batch:
            if each.stored.address not in in_use:
                by_manager.setdefault(id(each.manager), (each.manager, []))[1].append(each.stored)
        for manager, stored in by_manager.values():
            deleted = [True] * len(stored) if dry_run else manager.delete_versions(stored)
            for version, is_deleted in zip(stored, deleted, strict=True):
                if is_deleted:
                    yield Removal("value", version.address, version.size_bytes)


def _reasons_to_keep(
    instance: DagsterInstance, held: Sequence[Held], criteria: Criteria, now: datetime
) -> dict[str, Kept]:
    """By address, of those that are not to be deleted."""
    in_progress = runs_in_progress(instance)
    addresses = [each.stored.address for each in held]
    users = count_users(instance, addresses)
    current_users = count_users(instance, addresses, in_progress)
    reasons: dict[str, Kept] = {}
    for stored in (each.stored for each in held):
        age = now - stored.stored_at
        if current_users[stored.address] or (in_progress and age < MOST_TIME_TO_RECORD):
            reasons[stored.address] = Kept.IN_PROGRESS
        elif users[stored.address] and not criteria.takes_used:
            reasons[stored.address] = Kept.USED
        elif not users[stored.address] and age < YOUNG and criteria.stored_before is None:
            reasons[stored.address] = Kept.YOUNG
    return reasons


def _place_in_list(held: Held) -> tuple[str, str, str, datetime, str]:
    stored = held.stored
    return stored.step_key, stored.output_name, stored.mapping_key or "", stored.stored_at, stored.address


def _age_order(held: Held) -> tuple[datetime, str]:
    return held.stored.stored_at, held.stored.address
