"""What a run coordinator does."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from typing import Protocol

from core.errors import DagsterInvariantViolationError
from core.records.origin import ExternalPipeline
from core.records.pipeline_run import PipelineRun


class CoordinatedInstance(Protocol):
    """What a run coordinator uses of its instance; see `DagsterInstance`."""

    def enqueue_run(self, run: PipelineRun) -> PipelineRun: ...
    def launch_run(self, run_id: str, external_pipeline: ExternalPipeline | None = None) -> PipelineRun: ...
    def can_cancel_waiting_run(self, run_id: str) -> bool: ...
    def cancel_waiting_run(self, run_id: str) -> bool: ...
    def can_terminate_run(self, run_id: str) -> bool: ...
    def terminate_run(self, run_id: str) -> bool: ...


class RunCoordinator(ABC):
    """Takes submitted runs and has them launched: at once, or in an order and number of its own.

    A coordinator is made once an instance, which calls it, and is used by many threads.

    Example:
        >>> from core.run_coordinator import RunCoordinator
        >>> class AtOnce(RunCoordinator):
        ...     def __init__(self, launcher):
        ...         self._launcher = launcher
        ...     def submit_run(self, pipeline_run, external_pipeline):
        ...         return self._launcher.launch_run(pipeline_run, external_pipeline)
        ...     def can_cancel_run(self, run_id):
        ...         return self._launcher.can_terminate(run_id)
        ...     def cancel_run(self, run_id):
        ...         return self._launcher.terminate(run_id)
    """

    required_daemon: str | None = None
    """The type of the daemon without which runs are not launched; None where there is none."""

    _registered: weakref.ref[CoordinatedInstance] | None = None

    def register_instance(self, instance: CoordinatedInstance) -> None:
        """Called by the instance that it belongs to, once."""
        self._registered = weakref.ref(instance)

    @property
    def _instance(self) -> CoordinatedInstance:
        """The instance that it belongs to."""
        instance = None if self._registered is None else self._registered()
        if instance is None:
            raise DagsterInvariantViolationError(
                f"This {type(self).__name__} belongs to no instance; name its class in dagster.yaml, or give it to one."
            )
        return instance

    @abstractmethod
    def submit_run(self, pipeline_run: PipelineRun, external_pipeline: ExternalPipeline) -> PipelineRun:
        """Takes a run and returns without waiting for its end, or even for its launch.

        Args:
            pipeline_run: the run, which is stored and has not begun.
            external_pipeline: its pipeline, for the launcher.

        Returns:
            The run as it is stored after that.

        Raises:
            Exception: the run was not taken.
        """

    @abstractmethod
    def can_cancel_run(self, run_id: str) -> bool:
        """Whether `cancel_run` could end the run, launched or not."""

    @abstractmethod
    def cancel_run(self, run_id: str) -> bool:
        """Ends a run: one that waits is not launched, and one that was launched is asked to end.

        Returns:
            True when that was done; False where it has ended already.
        """
