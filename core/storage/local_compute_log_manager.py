"""Compute logs on the local disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.config import StringSource
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.compute_log_manager import (
    IO_TYPE_EXTENSION,
    MAX_BYTES_FILE_READ,
    ComputeIOType,
    ComputeLogFileData,
    ComputeLogManager,
    read_piece,
)
from core.storage.deleting import delete_emptied, entries_of, folder_to_delete, with_sizes
from core.storage.paths import can_name_file, file_name, inside
from core.storage.pipeline_run import PipelineRun
from core.storage.removal import Removal

_ANEW = "+"  # before a name in the list of completed steps: begun again; no name of ours holds it


class LocalComputeLogManager(ComputeLogManager, ConfigurableClass):
    """The default compute log manager: `{base_dir}/{run_id}/compute_logs/{step_key}.out` and `.err`.

    In `dagster.yaml`:

        compute_logs:
          module: core.storage.local_compute_log_manager
          class: LocalComputeLogManager
          config:
            base_dir: /path/to/dir

    Args:
        base_dir: the directory; made when first written to.
        inst_data: what it was configured with.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._base_dir = Path(base_dir).absolute()
        self._inst_data = inst_data
        self._ended_here: set[tuple[str, str]] = set()  # (run id, step): reading the list at each step adds up
        self._checked_folder = lru_cache(maxsize=16)(self._check_folder)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> LocalComputeLogManager:
        return LocalComputeLogManager(inst_data=inst_data, **config_value)

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType) -> str:
        return str(self._file(run_id, key, IO_TYPE_EXTENSION[io_type]))

    def _file(self, run_id: str, key: str, extension: str) -> Path:
        return self._checked_folder(run_id) / f"{file_name(key, 'step key')}.{extension}"

    def _check_folder(self, run_id: str) -> Path:
        # Following symbolic links costs more than a small step does, so a run's folder is checked once.
        return inside(self._base_dir, file_name(run_id, "run id"), "compute_logs")

    def _files(self, run_id: str, key: str) -> list[Path]:
        return [self._file(run_id, key, extension) for extension in IO_TYPE_EXTENSION.values()]

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        files = self._files(pipeline_run.run_id, step_key or pipeline_run.pipeline_name)
        files[0].parent.mkdir(parents=True, exist_ok=True)
        earlier = [path for path in files if _unlink(path)]
        name = file_name(step_key or pipeline_run.pipeline_name, "step key")
        if earlier or (pipeline_run.run_id, name) in self._ended_here:
            self._note(pipeline_run.run_id, _ANEW + name)

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        self.mark_completed(pipeline_run.run_id, step_key or pipeline_run.pipeline_name)

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        self._ended_here = {noted for noted in self._ended_here if noted[0] != pipeline_run.run_id}
        return super().finish_run(pipeline_run)

    def mark_completed(self, run_id: str, key: str) -> None:
        """Notes that nothing will be added to the logs of a step."""
        self._ended_here.add((run_id, file_name(key, "step key")))
        self._note(run_id, file_name(key, "step key"))

    def _note(self, run_id: str, line: str) -> None:
        # One list for all steps of a run: a file for each would cost more than a small step does.
        with suppress(FileNotFoundError), self._completed_list(run_id).open("a", encoding="utf-8") as completed:
            completed.write(f"{line}\n")  # the folder may have been deleted; a step does not fail for its log

    def is_watch_completed(self, run_id: str, key: str) -> bool:
        return bool(self.noted_completion(run_id, key))

    def noted_completion(self, run_id: str, key: str) -> bool | None:
        """True when the step has ended, False when it was begun again since; None where nothing is noted of it."""
        name = file_name(key, "step key")
        try:
            notes = "\n" + self._completed_list(run_id).read_text("utf-8")
        except FileNotFoundError:
            return None
        ended, begun_again = notes.rfind(f"\n{name}\n"), notes.rfind(f"\n{_ANEW}{name}\n")
        return None if ended < 0 else ended > begun_again

    def _completed_list(self, run_id: str) -> Path:
        return self._checked_folder(run_id) / ".completed"

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        return None

    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        path = Path(self.get_local_path(run_id, key, io_type))
        return read_piece(path, cursor, max_bytes, self.is_watch_completed(run_id, key))

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not can_name_file(run_id):
            return []
        folder = folder_to_delete(self._base_dir, file_name(run_id, "run id"), "compute_logs")
        removed: list[Removal] = []
        for path, size_bytes in with_sizes(_logs_in(folder)):
            if dry_run or _unlink(path):
                removed.append(Removal("compute log", str(path), size_bytes))
        if not dry_run:
            self._ended_here = {noted for noted in self._ended_here if noted[0] != run_id}
            delete_emptied(folder, self._base_dir)
        return removed


def _logs_in(folder: Path) -> Iterator[Path]:
    """The files that are ours. Values of a step of that name are here too, where they are kept beside the logs."""
    extensions = {f".{extension}" for extension in IO_TYPE_EXTENSION.values()}
    for path in entries_of(folder):
        is_ours = path.name.startswith(".") or path.suffix in extensions
        if is_ours and (path.is_symlink() or not path.is_dir()):
            yield path


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
