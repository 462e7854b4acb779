"""What a compute log manager does: keeping the raw stdout and stderr of each step."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cached_property
from pathlib import Path

import msgspec

from core.storage.capture import Echo, OutputCapture
from core.storage.pipeline_run import PipelineRun
from core.storage.removal import Removal

MAX_BYTES_FILE_READ = 33_554_432


class ComputeIOType(Enum):
    """Which stream of a step."""

    STDOUT = "stdout"
    STDERR = "stderr"


IO_TYPE_EXTENSION = {ComputeIOType.STDOUT: "out", ComputeIOType.STDERR: "err"}


class ComputeLogFileData(msgspec.Struct, frozen=True):
    """A piece of a log.

    Attributes:
        path: the log on the local disk; None where it is not there.
        data: text, decoded as UTF-8 with replacement, from the cursor that was asked for.
        cursor: where the next piece begins, in bytes; never inside a character.
        size: of the whole log until now, in bytes.
        download_url: where a browser gets the whole log.
    """

    path: str | None
    data: str | None
    cursor: int
    size: int
    download_url: str | None


class ComputeLogManager(ABC):
    """Keeps the stdout and stderr of each step under the run's id and a key, which is the step's key.

    The capture is done here; an implementation says where the files are and what happens to them afterwards.
    """

    echo: Echo | None = None
    """Shows captured output while a step runs; None for where it would have gone without the capture."""

    @cached_property
    def _output_capture(self) -> OutputCapture:
        return OutputCapture()

    @contextmanager
    def watch(self, pipeline_run: PipelineRun, step_key: str | None = None) -> Iterator[None]:
        """Captures what is printed while the block runs.

        Args:
            pipeline_run: the run.
            step_key: the step; the pipeline's name stands for it where there is none.
        """
        key = step_key or pipeline_run.pipeline_name
        if not self.enabled(pipeline_run, step_key):
            yield
            return
        self.on_watch_start(pipeline_run, step_key)
        stdout_path = self.get_local_path(pipeline_run.run_id, key, ComputeIOType.STDOUT)
        stderr_path = self.get_local_path(pipeline_run.run_id, key, ComputeIOType.STDERR)
        try:
            with self._output_capture.capture(Path(stdout_path), Path(stderr_path), self.echo):
                yield
        finally:
            self.on_watch_finish(pipeline_run, step_key)

    def enabled(self, pipeline_run: PipelineRun, step_key: str | None) -> bool:
        """Whether this step's output is captured at all."""
        return True

    @abstractmethod
    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        """Called before the capture; afterwards the folder of `get_local_path` is there."""

    @abstractmethod
    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        """Called after the capture, when the files are complete; also when the step failed."""

    @abstractmethod
    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType) -> str:
        """Where a log is, or would be, on the local disk.

        Raises:
            DagsterInvariantViolationError: the run id or key cannot name a file.
        """

    @abstractmethod
    def is_watch_completed(self, run_id: str, key: str) -> bool:
        """Whether the step has ended, so that its logs are complete."""

    @abstractmethod
    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        """Where a browser gets the whole log; None where there is no such place."""

    @abstractmethod
    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        """Reads a piece of a log; of a log that is not there, an empty one.

        Args:
            run_id: the run.
            key: the step.
            io_type: the stream.
            cursor: where to begin, in bytes: 0, or the cursor of the piece before.
            max_bytes: at most so many; at least 4, the length of the longest character.
        """

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes the logs of a run wherever they are kept; of an unknown run there are none.

        Args:
            run_id: the run; it has ended.
            dry_run: deletes nothing.

        Returns:
            What went, or would go.
        """
        return []

    def show_output(self) -> None:
        """Shows what the step that is running has printed until now, before what is said of it next."""
        self._output_capture.show_now()

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        """Called when a run has ended: finishes what is under way for it and ends the threads it used.

        Returns:
            A warning for each thing that could not be finished. It raises nothing: a run does not fail for its logs.
        """
        self._output_capture.close()
        return []

    def dispose(self) -> None:
        """Finishes what is under way and lets go of threads and connections."""
        self._output_capture.close()


class NoOpComputeLogManager(ComputeLogManager):
    """Captures nothing."""

    def enabled(self, pipeline_run: PipelineRun, step_key: str | None) -> bool:
        return False

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        return

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        return

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType) -> str:
        return ""

    def is_watch_completed(self, run_id: str, key: str) -> bool:
        return True

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        return None

    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        return ComputeLogFileData(path=None, data=None, cursor=0, size=0, download_url=None)


def read_piece(path: Path, cursor: int, max_bytes: int, is_complete: bool) -> ComputeLogFileData:
    """A piece of a log file, which ends between two characters.

    Args:
        path: the file; when it is not there the piece is empty.
        cursor: where to begin, in bytes.
        max_bytes: at most so many.
        is_complete: nothing more will be written, so that half a character at the end is shown as replaced.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(min(cursor, size))
            raw = stream.read(max_bytes)
    except FileNotFoundError:
        return ComputeLogFileData(path=None, data=None, cursor=cursor, size=0, download_url=None)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    at_end = cursor + len(raw) >= size
    text = decoder.decode(raw, final=is_complete and at_end)
    undecoded = len(decoder.getstate()[0])
    return ComputeLogFileData(str(path), text, cursor + len(raw) - undecoded, size, None)
