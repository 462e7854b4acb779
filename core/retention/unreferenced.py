"""Values on the local disk that no run refers to any more."""

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
from core.retention.value_users import MOST_TIME_TO_RECORD, known_as, runs_in_progress

_BATCH = 500


class _Value(msgspec.Struct, frozen=True, order=True):
    """A file, or the folder of a run; the order is that of age."""

    changed_at: datetime
    path: str
    size_bytes: int


def unreferenced_values(
    instance: DagsterInstance, limits: Limits, now: datetime, forgotten_run_ids: Collection[str], dry_run: bool
) -> Iterator[Removal]:
    """Deletes values that are beyond some limits, in the instance's directory on the local disk.

    They are the folders of runs that are not stored, and the versions that no run is known to have stored or found. Of
    the folders only those are taken that have an id as the system makes them: others may be something of the user's.

    Args:
        instance: the instance.
        limits: of what is unreferenced.
        now: the time.
        forgotten_run_ids: runs that count as deleted.
        dry_run: deletes nothing.
    """
    storage = Path(instance.storage_directory()).absolute()

    def of_known_runs(folders: Sequence[_Value]) -> set[str]:
        by_run_id = {Path(folder.path).name: folder.path for folder in folders}
        known = instance.get_runs(PipelineRunsFilter(run_ids=tuple(by_run_id)))
        return {by_run_id[run.run_id] for run in known}

    def of_kept_runs(files: Sequence[_Value]) -> set[str]:
        addresses = {address: file.path for file in files for address in known_as(file.path)}
        used = instance.event_log_storage.get_used_addresses(addresses, forgotten_run_ids)
        return {addresses[address] for address in used}

    with failing_clearly("what no run refers to"):
        folders = _unreferenced(of_known_runs, _run_folders(storage), instance, now)
        versions = _unreferenced(of_kept_runs, _version_files(storage), instance, now)
        for value in _beyond(limits, chain(folders, versions)):
            if not dry_run:
                _delete(Path(value.path), storage)
            yield Removal("value", value.path, value.size_bytes)


def _run_folders(storage: Path) -> Iterator[_Value]:
    names = [path.name for path in entries_of(storage)]
    for folder in (storage / name for name in names if _is_made_id(name)):
        if folder.is_dir() and not folder.is_symlink():
            with suppress(FileNotFoundError):
                files = [folder.lstat(), *(file.lstat() for file in files_in(folder))]
                changed_at = _time(max(file.st_mtime for file in files))
                yield _Value(changed_at, str(folder), sum(file.st_size for file in files[1:]))


def _is_made_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _version_files(storage: Path) -> Iterator[_Value]:
    for folder, folders, names in os.walk(storage / "versioned_outputs"):
        folders[:] = sorted(filter(str.isascii, folders))  # as all names are that we give
        for name in sorted(filter(str.isascii, names)):
            with suppress(FileNotFoundError):
                path = Path(folder, name)
                status = path.lstat()
                yield _Value(_time(status.st_mtime), str(path), status.st_size)


def _unreferenced(
    referenced: Callable[[Sequence[_Value]], Collection[str]],
    values: Iterator[_Value],
    instance: DagsterInstance,
    now: datetime,
) -> Iterator[_Value]:
    """Those of `values` whose paths are not `referenced`, and will not be.

    Whether a run is in progress is asked after a value was seen and before its references are: a run that has ended
    has recorded all that it stored.
    """
    while batch := list(islice(values, _BATCH)):
        recent = {value.path for value in batch if value.changed_at > now - MOST_TIME_TO_RECORD}
        kept = recent if recent and runs_in_progress(instance) else set()
        kept.update(referenced(batch))
        yield from (value for value in batch if value.path not in kept)


def _beyond(limits: Limits, values: Iterable[_Value]) -> Iterator[_Value]:
    newest: list[_Value] = []  # a heap, the oldest first, of no more than may stay
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
