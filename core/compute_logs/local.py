"""Compute logs on the local disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.compute_logs.log_files import LogFiles
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType, LogName
from core.compute_logs.pieces import MAX_BYTES_FILE_READ, ComputeLogFileData
from core.compute_logs.reading import is_ended, read_log
from core.compute_logs.recovery import dead_writers
from core.compute_logs.size_cap import LEAST_CAP_BYTES, SizeCap
from core.compute_logs.writers import LogWriter
from core.config import Checked, Field, IntSource, StringSource
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal
from core.serdes import ConfigurableClass, ConfigurableClassData

_MOST_BYTES = 1 << 50

MAX_LOG_BYTES = Field(
    Checked(
        IntSource,
        f"a whole number from {LEAST_CAP_BYTES} to {_MOST_BYTES}",
        lambda count: LEAST_CAP_BYTES <= count <= _MOST_BYTES,
    ),
    is_required=False,
    description="How large a log may be; of a larger one the beginning and the end are kept. By default, any size.",
)


class LocalComputeLogManager(ComputeLogManager, ConfigurableClass):
    r"""The default compute log manager: `{base_dir}/{run_id}/compute_logs/{step_key}.out` and `.err`.

    The files of a step's second attempt are `{step_key}(2).out` and `.err`. A file is there where something was
    written to it, from when it was written: a process that is killed loses nothing.

    In `dagster.yaml`:

        compute_logs:
          module: core.storage.local_compute_log_manager
          class: LocalComputeLogManager
          config:
            base_dir: /path/to/dir
            max_log_bytes: 100000000

    Args:
        base_dir: the directory; made when first written to.
        inst_data: what it was configured with.
        max_log_bytes: how large a log may be; of a larger one half of that is kept from its beginning, and half from
            its end, with a line between them that says how much was dropped. While its step runs, the beginning can be
            read. By default a log may have any size.

    Example:
        >>> import os
        >>> from pathlib import Path
        >>> from core import PipelineRun
        >>> from core.storage.local_compute_log_manager import LocalComputeLogManager
        >>> manager, run = LocalComputeLogManager("logs"), PipelineRun("greetings", run_id="a-run")
        >>> with manager.watch(run, "greet"):
        ...     written = os.write(2, b"nobody is here\n")
        >>> Path("logs/a-run/compute_logs/greet.err").read_text()
        'nobody is here\n'
        >>> manager.dispose()
    """

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None, max_log_bytes: int | None = None
    ) -> None:
        self._inst_data = inst_data
        self.size_cap = None if max_log_bytes is None else SizeCap(max_log_bytes)
        self._files = LogFiles(Path(base_dir).absolute(), self.size_cap)
        self._writer = LogWriter(self._files)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource, "max_log_bytes": MAX_LOG_BYTES}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> LocalComputeLogManager:
        return LocalComputeLogManager(inst_data=inst_data, **config_value)

    @property
    def base_dir(self) -> Path:
        """Path: the directory."""
        return self._files.base_dir

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str:
        return str(self._files.path(LogName(run_id, key, attempt), io_type))

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        self._files.path(log, ComputeIOType.STDOUT)  # refuses names that it cannot hold
        self._writer.begin(log, self.output_capture.nameless_stem, {})
        try:
            self._files.begin(log)
        except BaseException:
            self._writer.end(log)
            raise

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        for path in self._files.paths(log):
            self._files.shorten(path, bytes, self.output_capture.nameless_stem)
        self._files.complete(log)
        self._writer.end(log)

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        warnings = super().finish_run(pipeline_run)
        self._end_run(pipeline_run.run_id)
        return warnings

    def _end_run(self, run_id: str) -> None:
        self._files.end_run(run_id)
        self._writer.end_run(run_id)

    def recover(self) -> None:
        for dead in dead_writers(self._files):
            dead.complete(lambda run_id: bytes)
            dead.forget()

    def drain(self) -> list[str]:
        self.recover()
        return []

    def dispose(self) -> None:
        super().dispose()
        for run_id in self._writer.runs():
            if not self._writer.is_writing(run_id):
                self._end_run(run_id)
        self._writer.close()

    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool:
        return is_ended(self._files, LogName(run_id, key, attempt))

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str | None:
        return None

    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData:
        return read_log(self._files, LogName(run_id, key, attempt), io_type, cursor, max_bytes)

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        return self._files.delete_run(run_id, dry_run)
