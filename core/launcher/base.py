"""What a run launcher does."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from core.errors import DagsterInvariantViolationError
from core.process.running import RunningRuns
from core.records.claim import Claim
from core.records.origin import ExternalPipeline
from core.records.pipeline_run import PipelineRun


class LaunchingInstance(Protocol):
    """What a launcher uses of its instance: see `DagsterInstance`."""

    running_runs: RunningRuns

    def get_ref(self) -> Any: ...
    def offering_run(self, run_id: str) -> AbstractContextManager[Claim | None]: ...
    def get_run_by_id(self, run_id: str) -> PipelineRun | None: ...
    def get_existing_run(self, run_id: str) -> PipelineRun: ...
    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None: ...
    def report_run_canceling(self, pipeline_run: PipelineRun, message: str | None = None) -> Any: ...


class RunLauncher(ABC):
    """Starts stored runs somewhere else than in the process that asks for it.

    A launcher is made once an instance, which calls it, and is used by many threads.

    Example:
        >>> from core.launcher import RunLauncher
        >>> class Printed(RunLauncher):
        ...     def launch_run(self, run, external_pipeline):
        ...         print("somebody should execute run", run.run_id)
        ...         return run
        ...     def can_terminate(self, run_id):
        ...         return False
        ...     def terminate(self, run_id):
        ...         return False
    """

    _registered: weakref.ref[LaunchingInstance] | None = None

    def register_instance(self, instance: LaunchingInstance) -> None:
        """Called by the instance that it belongs to, once."""
        self._registered = weakref.ref(instance)

    @property
    def _instance(self) -> LaunchingInstance:
        """The instance that it belongs to."""
        instance = None if self._registered is None else self._registered()
        if instance is None:
            raise DagsterInvariantViolationError(
                f"This {type(self).__name__} belongs to no instance; name its class in dagster.yaml, or give it to one."
            )
        return instance

    @abstractmethod
    def launch_run(self, run: PipelineRun, external_pipeline: ExternalPipeline) -> PipelineRun:
        """Starts a run and returns without waiting for its end.

        Args:
            run: the run, which is stored and has not begun.
            external_pipeline: its pipeline, whose code the process that executes the run has to load.

        Returns:
            The run as it is stored after that.

        Raises:
            Exception: the run was not started.
        """

    @abstractmethod
    def can_terminate(self, run_id: str) -> bool:
        """Whether `terminate` could end the run: the launcher started it, and it has not ended."""

    @abstractmethod
    def terminate(self, run_id: str) -> bool:
        """Asks a run to end.

        Returns:
            True when it was asked; False where it has ended already.
        """

    def join(self, timeout: float = 30) -> None:  # noqa: B027  a launcher that keeps nothing has nothing to wait for
        """Waits until the runs that it started have ended, `timeout` seconds at most."""

    def dispose(self) -> None:  # noqa: B027  as above
        """Lets go of what it holds here; runs go on. The instance calls it when it is disposed of."""
