"""Deleting all that a run left behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.errors import DagsterInvariantViolationError
from core.storage.compute_log_manager import ComputeLogManager
from core.storage.event_log import EventLogStorage
from core.storage.paths import file_name, inside
from core.storage.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun
from core.storage.removal import Removal
from core.storage.root import LocalArtifactStorage
from core.storage.runs import RunStorage


def delete_whole_run(
    run: PipelineRun,
    run_storage: RunStorage,
    event_log_storage: EventLogStorage,
    compute_log_manager: ComputeLogManager,
    local_artifact_storage: LocalArtifactStorage,
    dry_run: bool = False,
) -> list[Removal]:
    """Deletes a run from every part of an instance, or says what that would take away.

    Raises:
        DagsterInvariantViolationError: it is in progress.
    """
    if run.status in IN_PROGRESS_STATUSES:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id!r} is in progress ({run.status.value}), so it is not deleted. "
            f"If its process is gone, say so with `cloudstore runs cancel {run.run_id}`, and delete it then."
        )
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
    folder = inside(Path(local_artifact_storage.storage_dir), file_name(run_id, "run id"))
    if not folder.is_dir():
        return []
    removed = [_entry(each, counted) for each in sorted(folder.iterdir())]
    if not dry_run:
        shutil.rmtree(folder)
    return [entry for entry in removed if entry is not None]


def _entry(path: Path, counted: set[str]) -> Removal | None:
    files = [each for each in _files_of(path) if str(each) not in counted]
    return Removal("artifacts", str(path), sum(each.lstat().st_size for each in files)) if files else None


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)
