"""The interface of compute log managers, which keep the raw stdout and stderr of each step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from core.cached import cached_property
from core.compute_logs.capturing.capture import OutputCapture
from core.compute_logs.capturing.captured_stream import Echo
from core.compute_logs.names import ComputeIOType
from core.compute_logs.pieces import MAX_BYTES_FILE_READ, ComputeLogFileData, check_piece
from core.compute_logs.size_cap import SizeCap
from core.compute_logs.subscription import ComputeLogSubscription
from core.config import Secret
from core.errors import DagsterInvariantViolationError
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal
from core.serdes import ConfigurableClass, ConfigurableClassData


class ComputeLogManager(ABC):
    r"""Keeps the stdout and stderr of each attempt at a step under the run's id, a key (the step's) and the attempt.

    The capture is done here; an implementation says where the files are and what happens to them afterwards. Run ids
    and keys may be any text and never lead out of the folder of their run. Bytes are kept unchanged.

    Example:
        >>> import os
        >>> from core import PipelineRun
        >>> from core.storage.compute_log_manager import ComputeIOType, ComputeLogManager
        >>> from core.storage.local_compute_log_manager import LocalComputeLogManager
        >>> manager: ComputeLogManager = LocalComputeLogManager("logs")
        >>> with manager.watch(PipelineRun("greetings", run_id="a-run"), "greet"):
        ...     written = os.write(2, b"nobody is here\n")
        >>> manager.is_watch_completed("a-run", "greet")
        True
        >>> manager.read_logs_file("a-run", "greet", ComputeIOType.STDERR).data
        'nobody is here\n'
        >>> manager.dispose()
    """

    echo: Echo | None = None
    """Shows captured output while a step runs; None shows it where it would have gone without the capture."""

    report: Callable[[str, str], None] | None = None
    """Records a warning about a run that has ended: called with the run's id and a message."""

    follow_interval_seconds = 0.1
    """How many seconds a reader that follows a log waits before it looks again."""

    size_cap: SizeCap | None = None
    """The size limit of a log while it is written."""

    @cached_property
    def output_capture(self) -> OutputCapture:
        """OutputCapture: catches the output of steps."""
        return OutputCapture(self.size_cap)

    @cached_property
    def _warnings(self) -> dict[str, list[str]]:
        return {}

    @contextmanager
    def watch(self, pipeline_run: PipelineRun, step_key: str | None = None, attempt: int = 1) -> Iterator[None]:
        """Captures the output while the block runs. If that is impossible, the block runs anyway.

        Args:
            pipeline_run: the run.
            step_key: the step; the pipeline's name is used if there is none.
            attempt: which attempt at the step, from 1.
        """
        with ExitStack() as stack:
            if self.begin_watch(pipeline_run, step_key, attempt):
                stack.callback(self.on_watch_finish, pipeline_run, step_key, attempt)
                stack.enter_context(self.captured(pipeline_run, step_key, attempt))
            yield

    def begin_watch(self, pipeline_run: PipelineRun, step_key: str | None = None, attempt: int = 1) -> bool:
        """Begins a log: `captured` catches the output, in this process or another one, and `on_watch_finish` ends it.

        Returns:
            Whether there is a log. Where there should be, and cannot, a warning says why.
        """
        if not self.enabled(pipeline_run, step_key):
            return False
        try:
            self.on_watch_start(pipeline_run, step_key, attempt)
        except (OSError, DagsterInvariantViolationError) as error:
            self._not_kept(pipeline_run, step_key, error)
            return False
        return True

    @contextmanager
    def captured(
        self, pipeline_run: PipelineRun, step_key: str | None = None, attempt: int = 1, is_only: bool = False
    ) -> Iterator[None]:
        """Captures the output of a log that was begun. If that is impossible, the block runs anyway.

        Args:
            pipeline_run: the run.
            step_key: the step.
            attempt: which attempt at the step.
            is_only: whether it is the only output that this process captures.
        """
        run_id, key = pipeline_run.run_id, step_key or pipeline_run.pipeline_name
        with ExitStack() as stack:
            try:
                stdout_path = self.get_local_path(run_id, key, ComputeIOType.STDOUT, attempt)
                stderr_path = self.get_local_path(run_id, key, ComputeIOType.STDERR, attempt)
                stack.enter_context(self.output_capture.capture(stdout_path, stderr_path, self.echo, is_only))
            except (OSError, DagsterInvariantViolationError) as error:
                self._not_kept(pipeline_run, step_key, error)
            yield

    def _not_kept(self, pipeline_run: PipelineRun, step_key: str | None, error: Exception) -> None:
        key = step_key or pipeline_run.pipeline_name
        self.warn(pipeline_run.run_id, f"The output of step {key!r} is not kept: {error}")

    def warn(self, run_id: str, message: str) -> None:
        """Has `take_warnings` tell of something."""
        self._warnings.setdefault(run_id, []).append(message)

    def take_warnings(self, run_id: str) -> list[str]:
        """What has gone wrong with the logs of a run since this was last asked."""
        return self._warnings.pop(run_id, [])

    def enabled(self, pipeline_run: PipelineRun, step_key: str | None) -> bool:
        """Whether this step's output is captured at all."""
        return True

    def hide(self, run_id: str, secrets: Collection[Secret]) -> None:
        """Names the secrets that are masked in the logs of a run, before its first step. Never raises."""
        return

    @abstractmethod
    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        """Called before the capture, which creates the folder of `get_local_path` if necessary.

        Raises:
            OSError: a note on the disk cannot be written, or an earlier log cannot be deleted.
            DagsterInvariantViolationError: the run id or key cannot name a file.
        """

    @abstractmethod
    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        """Called after the capture, when the files are complete; also when the step failed. Never raises."""

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
        """A URL where a browser gets the whole log; None if there is none."""

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
        """Reads a piece of a log, whether it is complete or not; the piece is empty if the log does not exist.

        Args:
            run_id: the run.
            key: the step.
            io_type: the stream.
            cursor: where to begin, in bytes: 0, or the cursor of the piece before.
            max_bytes: the maximum number of bytes; at least 4, the length of the longest character.
            attempt: which attempt at the step.

        Raises:
            DagsterInvariantViolationError: the cursor is negative, or `max_bytes` is less than 4; the run id or key
                cannot name a file.
        """

    def subscribe(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, attempt: int = 1
    ) -> ComputeLogSubscription:
        """A reader that gets pieces as they are written, until the log is complete; arguments as `read_logs_file`."""
        return ComputeLogSubscription(self, run_id, key, io_type, cursor, attempt)

    def on_subscribe(self, subscription: ComputeLogSubscription) -> None:
        """Called when a reader begins to follow a log."""
        return

    def on_unsubscribe(self, subscription: ComputeLogSubscription) -> None:
        """Called when a reader stops following a log."""
        return

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes the logs of a run wherever they are kept; an unknown run has none.

        Args:
            run_id: the run; it has ended.
            dry_run: deletes nothing.

        Returns:
            What went, or would go.
        """
        return []

    def recover(self) -> None:
        """Takes up the logs of processes of this machine that were killed, so that these get where they belong.

        Each run calls it when it begins, and `drain` does, but nothing else: opening an instance, listing runs and
        reading logs recover nothing and start nothing. Shipping goes on in the background. Never raises.
        """
        return

    def drain(self) -> list[str]:
        """Recovers, then finishes the logs of runs that have ended and of dead processes, and waits for that.

        Returns:
            A warning for each log that could not be finished; it stays, and can be tried again.
        """
        return []

    def show_output(self) -> None:
        """Shows the output of the running step until now, so that it comes before messages about the step."""
        self.output_capture.show_now()

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        """Called when a run has ended; ends the threads it used. It does not wait for other machines.

        Returns:
            A warning for each thing that went wrong until now. Never raises: a run does not fail because of its logs.
        """
        self.output_capture.close()
        return self.take_warnings(pipeline_run.run_id)

    def dispose(self) -> None:
        """Finishes pending work, and releases threads and connections."""
        self.output_capture.close()


class NoOpComputeLogManager(ComputeLogManager, ConfigurableClass):
    """Captures nothing.

    Args:
        inst_data: its configuration.

    Example:
        >>> from core import execute_pipeline, instance_for_test, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> no_logs = {"module": "core.storage.compute_log_manager", "class": "NoOpComputeLogManager"}
        >>> with instance_for_test({"compute_logs": no_logs}) as instance:
        ...     execute_pipeline(pipeline(name="count")(lambda: one()), instance=instance).success
        True
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
