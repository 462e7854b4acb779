"""Compute logs on the local disk."""

from __future__ import annotations

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
        name = f"{file_name(key, 'step key')}.{extension}"
        return inside(self._base_dir, file_name(run_id, "run id"), "compute_logs", name)

    def _completion_mark(self, run_id: str, key: str) -> Path:
        return self._file(run_id, key, "complete")

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        mark = self._completion_mark(pipeline_run.run_id, step_key or pipeline_run.pipeline_name)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        self._completion_mark(pipeline_run.run_id, step_key or pipeline_run.pipeline_name).touch()

    def is_watch_completed(self, run_id: str, key: str) -> bool:
        return self._completion_mark(run_id, key).exists()

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        return None

    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        path = Path(self.get_local_path(run_id, key, io_type))
        return read_piece(path, cursor, max_bytes, self.is_watch_completed(run_id, key))
