"""What a compute log manager does: keeping the raw stdout and stderr of each step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

from core.compute_logs.capture import Echo, OutputCapture
from core.compute_logs.names import IO_TYPE_EXTENSION, ComputeIOType
from core.compute_logs.pieces import MAX_BYTES_FILE_READ, ComputeLogFileData, check_piece
from core.compute_logs.size_cap import SizeCap
from core.compute_logs.subscription import ComputeLogSubscription
from core.config import Secret
from core.errors import DagsterInvariantViolationError
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal
from core.serdes import ConfigurableClass, ConfigurableClassData

__all__ = [
    "IO_TYPE_EXTENSION",
    "MAX_BYTES_FILE_READ",
    "ComputeIOType",
    "ComputeLogFileData",
    "ComputeLogManager",
    "ComputeLogSubscription",
    "NoOpComputeLogManager",
]


class ComputeLogManager(ABC):
    """Keeps the stdout and stderr of each attempt at a step under the run's id, a key (the step's) and the attempt.

    The capture is done here; an implementation says where the files are and what happens to them afterwards. Run ids
    and keys may be any text: none of it leads out of the place that is for its run. Bytes are kept as they are.
    """

    echo: Echo | None = None
    """Shows captured output while a step runs; None for where it would have gone without the capture."""

    report: Callable[[str, str], None] | None = None
    """Records a warning of a run that was found when the run had ended: called with its id and a message."""

    follow_interval_seconds = 0.1
    """How long a reader who follows a log waits before looking again."""

    size_cap: SizeCap | None = None
    """How large a log may be while it is written."""

    @cached_property
    def output_capture(self) -> OutputCapture:
        """OutputCapture: what catches what is printed."""
        return OutputCapture(self.size_cap)

    @cached_property
    def _warnings(self) -> dict[str, list[str]]:
        return {}

    @contextmanager
    def watch(self, pipeline_run: PipelineRun, step_key: str | None = None, attempt: int = 1) -> Iterator[None]:
        """Captures what is printed while the block runs. Where that cannot be, the block runs all the same.

        Args:
            pipeline_run: the run.
            step_key: the step; the pipeline's name stands for it where there is none.
            attempt: which attempt at the step, from 1.
        """
        if not self.enabled(pipeline_run, step_key):
            yield
            return
        run_id, key = pipeline_run.run_id, step_key or pipeline_run.pipeline_name
        with ExitStack() as stack:
            try:
                self.on_watch_start(pipeline_run, step_key, attempt)
                stack.callback(self.on_watch_finish, pipeline_run, step_key, attempt)
                stdout_path = self.get_local_path(run_id, key, ComputeIOType.STDOUT, attempt)
                stderr_path = self.get_local_path(run_id, key, ComputeIOType.STDERR, attempt)
                stack.enter_context(self.output_capture.capture(stdout_path, stderr_path, self.echo))
            except (OSError, DagsterInvariantViolationError) as error:
                stack.close()
                self._warnings.setdefault(run_id, []).append(f"The output of step {key!r} is not kept: {error}")
            yield

    def enabled(self, pipeline_run: PipelineRun, step_key: str | None) -> bool:
        """Whether this step's output is captured at all."""
        return True

    def hide(self, run_id: str, secrets: Collection[Secret]) -> None:
        """Tells what must not leave this machine in the logs of a run; before its first step. It raises nothing."""
        return

    @abstractmethod
    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        """Called before the capture, which makes the folder of `get_local_path` when it is not there.

        Raises:
            OSError: what is to be noted on the disk cannot be.
            DagsterInvariantViolationError: the run id or key cannot name a file.
        """

    @abstractmethod
    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        """Called after the capture, when the files are complete; also when the step failed. It raises nothing."""

    @abstractmethod
    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str:
        """Where a log is, or would be, on the local disk.

        Raises:
            DagsterInvariantViolationError: the run id or key cannot name a file.
        """

    @abstractmethod
    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool:
        """Whether the attempt has ended, by itself or with its process, so that nothing will be added to its logs."""

    @abstractmethod
    def download_url(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str | None:
        """Where a browser gets the whole log; None where there is no such place."""

    @abstractmethod
    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData:
        """Reads a piece of a log, complete or not; of a log that is not there, an empty one.

        Args:
            run_id: the run.
            key: the step.
            io_type: the stream.
            cursor: where to begin, in bytes: 0, or the cursor of the piece before.
            max_bytes: at most so many; at least 4, the length of the longest character.
            attempt: which attempt at the step.

        Raises:
            DagsterInvariantViolationError: the cursor is negative, or `max_bytes` is less than 4; the run id or key
                cannot name a file.
        """

    def subscribe(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, attempt: int = 1
    ) -> ComputeLogSubscription:
        """A reader who gets pieces as they are written, until the log is complete; arguments as `read_logs_file`."""
        return ComputeLogSubscription(self, run_id, key, io_type, cursor, attempt)

    def on_subscribe(self, subscription: ComputeLogSubscription) -> None:
        """Called when somebody begins to follow a log."""
        return

    def on_unsubscribe(self, subscription: ComputeLogSubscription) -> None:
        """Called when a reader has ended, or has gone away."""
        return

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes the logs of a run wherever they are kept; of an unknown run there are none.

        Args:
            run_id: the run; it has ended.
            dry_run: deletes nothing.

        Returns:
            What went, or would go.
        """
        return []

    def recover(self) -> None:
        """Takes up what processes of this machine left that were killed, so that their logs get where they belong.

        Each run calls it when it begins, and `drain` does; nothing else does: opening an instance, listing runs and
        reading logs take up nothing and start nothing. What takes long goes on in the background. It raises nothing.
        """
        return

    def drain(self) -> list[str]:
        """Recovers, finishes what is under way of runs that have ended and of dead processes, and waits for it.

        Returns:
            A warning for each thing that could not be finished; it stays, and can be tried again.
        """
        return []

    def show_output(self) -> None:
        """Shows what the step that is running has printed until now, before what is said of it next."""
        self.output_capture.show_now()

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        """Called when a run has ended; ends the threads it used. It does not wait for what other machines do.

        Returns:
            A warning for each thing that went wrong until now. It raises nothing: a run does not fail for its logs.
        """
        self.output_capture.close()
        return self._warnings.pop(pipeline_run.run_id, [])

    def dispose(self) -> None:
        """Finishes what is under way, and lets go of threads and connections."""
        self.output_capture.close()


class NoOpComputeLogManager(ComputeLogManager, ConfigurableClass):
    """Captures nothing.

    Args:
        inst_data: what it was configured with.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> NoOpComputeLogManager:
        return NoOpComputeLogManager(inst_data, **config_value)

    def enabled(self, pipeline_run: PipelineRun, step_key: str | None) -> bool:
        return False

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        return

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        return

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str:
        return ""

    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool:
        return True

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
        check_piece(cursor, max_bytes)
        return ComputeLogFileData(path=None, data=None, cursor=0, size=0, download_url=None)
