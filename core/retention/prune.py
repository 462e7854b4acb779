"""Pruning: deletes whatever exceeds the limits of `retention:` in dagster.yaml, and what killed processes left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from core.disk.deleting import failing_clearly
from core.errors import DagsterRunNotFoundError, DagsterStorageError
from core.instance.instance import DagsterInstance
from core.records.pipeline_run import FINISHED_STATUSES, PipelineRunsFilter, RunRecord
from core.records.removal import Removal
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG
from core.retention.limits import Limits
from core.retention.prune_values import prune_values

_PAGE_RUNS = 1000
_FINISHED = tuple(sorted(FINISHED_STATUSES, key=lambda status: status.value))


def has_limits(instance: DagsterInstance) -> bool:
    """Whether `retention:` of the instance sets any limit."""
    return any(instance.retention.values())


def prune(instance: DagsterInstance, now: datetime | None = None, dry_run: bool = False) -> Iterator[Removal]:
    """Deletes whatever exceeds the instance's retention limits, and what killed processes left in other places.

    It deletes only as far as it is iterated. Runs that have not ended are neither deleted nor counted. Values in
    buckets are never deleted; parts of uploads that a killed process did not complete always are, whatever the limits.

    Args:
        instance: the instance.
        now: the time from which ages are counted back; the current time by default.
        dry_run: deletes nothing.

    Yields:
        Each thing, after it was deleted or, in a dry run, that would be deleted.

    Raises:
        DagsterStorageError, DagsterObjectStoreError: something cannot be deleted; everything yielded so far is deleted.
    """
    failure: DagsterStorageError | None = None
    try:
        if instance.leftovers is not None:
            yield from instance.leftovers.clear(dry_run)
    except DagsterStorageError as error:  # an unreachable bucket does not keep the rest from being pruned
        failure = error
    yield from _prune_beyond_limits(instance, (now or datetime.now(UTC)).astimezone(UTC), dry_run)
    if failure is not None:
        raise failure


def _prune_beyond_limits(instance: DagsterInstance, now: datetime, dry_run: bool) -> Iterator[Removal]:
    limits = {section: Limits.from_config(given, now) for section, given in instance.retention.items() if given}
    runs = _ended_runs(instance, limits.get("runs"))
    for run_id in runs:
        with suppress(DagsterRunNotFoundError):  # another process deleted it first
            yield from instance.delete_run(run_id, dry_run)
    deleted = frozenset(runs)

    without_events = _ended_runs(instance, limits.get("events"), deleted, EVENTS_PRUNED_TAG)
    # The index across runs is kept: which values a kept run used, and its assets.
    delete_log = instance.event_log_storage.delete_log
    yield from _delete_part(instance, without_events, delete_log, EVENTS_PRUNED_TAG, now, dry_run)

    without_logs = _ended_runs(instance, limits.get("compute_logs"), deleted, COMPUTE_LOGS_PRUNED_TAG)
    delete_logs = instance.compute_log_manager.delete_logs
    yield from _delete_part(instance, without_logs, delete_logs, COMPUTE_LOGS_PRUNED_TAG, now, dry_run)

    if "values" in limits:
        # In a dry run the deleted runs are still in the databases.
        yield from prune_values(instance, limits["values"], now, deleted if dry_run else frozenset(), dry_run)


def _delete_part(
    instance: DagsterInstance,
    run_ids: Collection[str],
    delete: Callable[[str, bool], list[Removal]],
    tag: str,
    now: datetime,
    dry_run: bool,
) -> Iterator[Removal]:
    """Deletes one part of runs that are kept, and records that in a tag, so that the next pruning skips them."""
    for run_id in run_ids:
        with failing_clearly(f"run {run_id!r}"):
            yield from delete(run_id, dry_run)
        if not dry_run:
            with suppress(DagsterRunNotFoundError):  # deleted in the meantime
                instance.add_run_tags(run_id, {tag: now.isoformat(timespec="seconds")})


def _ended_runs(
    instance: DagsterInstance, limits: Limits | None, deleted: Collection[str] = (), done_tag: str = ""
) -> list[str]:
    """Ids of the runs that exceed some limits, oldest first.

    Args:
        instance: the instance.
        limits: None is exceeded by no run.
        deleted: runs that count as deleted.
        done_tag: runs with this tag are left out.
    """
    if limits is None:
        return []
    found: list[str] = []
    kept = (record for record in _finished_runs(instance, limits) if record.pipeline_run.run_id not in deleted)
    for newer, record in enumerate(kept):
        is_beyond = limits.is_too_old(record.update_timestamp) or limits.is_too_many(newer)
        if is_beyond and done_tag not in record.pipeline_run.tags:
            found.append(record.pipeline_run.run_id)
    return found[::-1]


def _finished_runs(instance: DagsterInstance, limits: Limits) -> Iterator[RunRecord]:
    """Runs that have ended, newest first; only those that are too old, if there is no limit on their number."""
    ended_before = limits.cutoff if limits.max_count is None else None
    filters = PipelineRunsFilter(statuses=_FINISHED, updated_before=ended_before)
    living = instance.running_runs.living()  # the status of one of these was changed by somebody else
    cursor: str | None = None
    while page := instance.get_run_records(filters, cursor, _PAGE_RUNS):
        yield from (record for record in page if record.pipeline_run.run_id not in living)
        cursor = page[-1].pipeline_run.run_id
