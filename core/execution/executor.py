"""What an executor does: the steps of a run are run by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import Enum

from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.plan import ExecutionPlan


class RetryMode(Enum):
    """Whether an executor heeds a step's request to be run again."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DEFERRED = "deferred"


class Executor(ABC):
    """Runs the steps of an execution plan in an order that its dependencies allow.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, executor, lambda_solid, pipeline
        >>> from core.executors.in_process import InProcessExecutor
        >>> class Told(InProcessExecutor):  # or of Executor, to run steps in a way of your own
        ...     def execute(self, pipeline_context, execution_plan):
        ...         for event in super().execute(pipeline_context, execution_plan):
        ...             if event.is_step_success:
        ...                 print(event.step_key, "is done")
        ...             yield event
        >>> told = executor(name="told")(lambda init_context: Told())
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count", mode_defs=[ModeDefinition(executor_defs=[told])])(lambda: one())
        >>> execute_pipeline(count, {"execution": {"told": {}}}).success
        one is done
        True
    """

    @abstractmethod
    def execute(self, pipeline_context: PipelineContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        """Runs every step of the plan.

        Args:
            pipeline_context: the run: its definitions, resources, log and instance.
            execution_plan: the plan. `core.plan.progress.Progress` says which of its steps may begin.

        Returns:
            The events of the run's steps as they happen; each is recorded already.
        """

    @property
    @abstractmethod
    def retries(self) -> RetryMode:
        """RetryMode: whether requests to run a step again are heeded."""
