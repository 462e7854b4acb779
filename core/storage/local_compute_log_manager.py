"""Compute logs on the local disk."""

from __future__ import annotations

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
from core.storage.paths import file_name, inside
from core.storage.pipeline_run import PipelineRun


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
        for path in files:
            path.unlink(missing_ok=True)  # of an earlier attempt

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        self.mark_completed(pipeline_run.run_id, step_key or pipeline_run.pipeline_name)

    def mark_completed(self, run_id: str, key: str) -> None:
        """Notes that nothing will be added to the logs of a step."""
        # One list for all steps of a run: a file for each would cost more than a small step does.
        with self._completed_list(run_id).open("a", encoding="utf-8") as completed:
            completed.write(f"{file_name(key, 'step key')}\n")

    def is_watch_completed(self, run_id: str, key: str) -> bool:
        try:
            completed = self._completed_list(run_id).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        return file_name(key, "step key") in completed

    def _completed_list(self, run_id: str) -> Path:
        return self._checked_folder(run_id) / ".completed"

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        return None

    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        path = Path(self.get_local_path(run_id, key, io_type))
        return read_piece(path, cursor, max_bytes, self.is_watch_completed(run_id, key))
