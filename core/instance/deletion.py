"""Deleting all that a run left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from core.compute_logs.manager import ComputeLogManager
from core.disk.deleting import delete_folder, entries_of, failing_clearly, folder_to_delete, with_sizes
from core.disk.paths import can_name_file, file_name, real_path
from core.errors import DagsterInvariantViolationError
from core.process.running import RunningRuns
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun
from core.records.removal import Removal
from core.storage.event_log import EventLogStorage
from core.storage.root import LocalArtifactStorage
from core.storage.runs import RunStorage

SHARED_FOLDERS = frozenset({"files", "versioned_outputs"})
"""Folders beside those of the runs whose content belongs to no run, even to one that has such an id."""


def delete_whole_run(
    run: PipelineRun,
    run_storage: RunStorage,
    event_log_storage: EventLogStorage,
    compute_log_manager: ComputeLogManager,
    local_artifact_storage: LocalArtifactStorage,
    running_runs: RunningRuns,
    dry_run: bool = False,
) -> list[Removal]:
    """Deletes a run from every part of an instance, or says what that would take away.

    Raises:
        DagsterInvariantViolationError: it is in progress, or a process of this machine executes it, or a symbolic link
            is where its files should be.
        DagsterStorageError, DagsterObjectStoreError: something cannot be deleted; its record is still there.
    """
    if run.status in IN_PROGRESS_STATUSES:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id!r} is in progress ({run.status.value}), so it is not deleted. "
            f"Stop it with `cloudstore runs cancel {run.run_id}`, and delete it then."
        )
    process = running_runs.living().get(run.run_id)
    if process is not None:  # its status was changed by somebody else
        raise DagsterInvariantViolationError(
            f"Run {run.run_id!r} is {run.status.value}, but process {process.pid} executes it, so it is not deleted. "
            f"Stop it with `cloudstore runs cancel {run.run_id}`, and delete it then."
        )
    with failing_clearly(f"run {run.run_id!r}"):
        removed = compute_log_manager.delete_logs(run.run_id, dry_run)
        removed += delete_artifacts(local_artifact_storage, run.run_id, {each.name for each in removed}, dry_run)
        removed += event_log_storage.delete_events(run.run_id, dry_run)
        if not dry_run:
            run_storage.delete_run(run.run_id)
    return [*removed, Removal("run", run.run_id)]


def delete_artifacts(
    local_artifact_storage: LocalArtifactStorage, run_id: str, counted: set[str], dry_run: bool
) -> list[Removal]:
    """Deletes a run's folder on the local disk, where its values and files are.

    Args:
        local_artifact_storage: where.
        run_id: the run.
        counted: files in it that are reported already.
        dry_run: deletes nothing.

    Returns:
        An entry for each thing in the folder.
    """
    if not can_name_file(run_id) or file_name(run_id, "run id") in SHARED_FOLDERS:
        return []
    folder = folder_to_delete(Path(local_artifact_storage.storage_dir).absolute(), file_name(run_id, "run id"))
    known = {real_path(name) for name in counted}
    removed = [_entry(each, known) for each in entries_of(folder)]
    if not dry_run:
        delete_folder(folder)
    return [entry for entry in removed if entry is not None]


def files_in(path: Path) -> Iterator[Path]:
    """The file at `path`, or all files below it where it is a folder; links are files."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in [*links, *names])


def _entry(path: Path, counted: set[Path]) -> Removal | None:
    files = [each for each in files_in(path) if real_path(each) not in counted]
    return Removal("artifacts", str(path), sum(size for _, size in with_sizes(files))) if files else None
