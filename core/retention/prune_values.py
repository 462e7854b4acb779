"""Pruning values: deletes values on the local disk that no run uses any more."""

from __future__ import annotations

import heapq
import os
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import msgspec

from core.disk.deleting import delete_emptied, delete_folder, entries_of, failing_clearly
from core.instance.deletion import files_in
from core.instance.instance import DagsterInstance
from core.records.pipeline_run import PipelineRunsFilter
from core.records.removal import Removal
from core.retention.limits import Limits
from core.retention.value_users import LONGEST_UNRECORDED, aliases, runs_in_progress

_BATCH = 500


class _Value(msgspec.Struct, frozen=True, order=True):
    """A file, or the folder of a run; ordered by age."""

    changed_at: datetime
    path: str
    size_bytes: int


def prune_values(
    instance: DagsterInstance, limits: Limits, now: datetime, deleted_run_ids: Collection[str], dry_run: bool
) -> Iterator[Removal]:
    """Deletes unused values that exceed some limits, in the instance's directory on the local disk.

    Unused are the folders of runs that are not stored any more, and the versions that no stored run has stored or
    found. A folder counts as a run's only if its name is an id as the system makes them: any other may be the user's.

    Args:
        instance: the instance.
        limits: for the unused values.
        now: the current time.
        deleted_run_ids: runs that count as deleted.
        dry_run: deletes nothing.
    """
    storage = Path(instance.storage_directory()).absolute()

    def of_stored_runs(folders: Sequence[_Value]) -> set[str]:
        by_run_id = {Path(folder.path).name: folder.path for folder in folders}
        stored = instance.get_runs(PipelineRunsFilter(run_ids=tuple(by_run_id)))
        return {by_run_id[run.run_id] for run in stored}

    def used_by_runs(files: Sequence[_Value]) -> set[str]:
        addresses = {address: file.path for file in files for address in aliases(file.path)}
        used = instance.event_log_storage.get_used_addresses(addresses, deleted_run_ids)
        return {addresses[address] for address in used}

    with failing_clearly("the unused values"):
        folders = _unused(of_stored_runs, _run_folders(storage), instance, now)
        versions = _unused(used_by_runs, _version_files(storage), instance, now)
        for value in _beyond(limits, chain(folders, versions)):
            if not dry_run:
                _delete(Path(value.path), storage)
            yield Removal("value", value.path, value.size_bytes)


def _run_folders(storage: Path) -> Iterator[_Value]:
    names = [path.name for path in entries_of(storage)]
    for folder in (storage / name for name in names if _is_generated_id(name)):
        if folder.is_dir() and not folder.is_symlink():
            with suppress(FileNotFoundError):
                files = [folder.lstat(), *(file.lstat() for file in files_in(folder))]
                changed_at = _time(max(file.st_mtime for file in files))
                yield _Value(changed_at, str(folder), sum(file.st_size for file in files[1:]))


def _is_generated_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _version_files(storage: Path) -> Iterator[_Value]:
    for folder, folders, names in os.walk(storage / "versioned_outputs"):
        folders[:] = sorted(filter(str.isascii, folders))  # as are all names that IO managers give
        for name in sorted(filter(str.isascii, names)):
            with suppress(FileNotFoundError):
                path = Path(folder, name)
                status = path.lstat()
                yield _Value(_time(status.st_mtime), str(path), status.st_size)


def _unused(
    used_among: Callable[[Sequence[_Value]], Collection[str]],
    values: Iterator[_Value],
    instance: DagsterInstance,
    now: datetime,
) -> Iterator[_Value]:
    """Those of `values` that are not used, and cannot come into use.

    The order matters: list values, then ask which runs are in progress, then ask who uses the values. A run that has
    ended by then has recorded everything that it stored.
    """
    while batch := list(islice(values, _BATCH)):
        recent = {value.path for value in batch if value.changed_at > now - LONGEST_UNRECORDED}
        kept = recent if recent and runs_in_progress(instance) else set()
        kept.update(used_among(batch))
        yield from (value for value in batch if value.path not in kept)


def _beyond(limits: Limits, values: Iterable[_Value]) -> Iterator[_Value]:
    newest: list[_Value] = []  # a heap with the oldest on top, never larger than the limit, so memory is bounded
    for value in values:
        if limits.is_too_old(value.changed_at):
            yield value
        elif limits.max_count is not None:
            heapq.heappush(newest, value)
            if limits.is_too_many(len(newest) - 1):
                yield heapq.heappop(newest)


def _delete(path: Path, storage: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        delete_folder(path)
    else:
        path.unlink(missing_ok=True)
        delete_emptied(path.parent, storage)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
