"""The executor that runs every step in the process of the run."""

from __future__ import annotations

from collections.abc import Iterator

from core.config import Field, Selector
from core.definitions.executor import InitExecutorContext, executor
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.executor import Executor, RetryMode
from core.execution.steps.in_turn import execute_steps
from core.plan import ExecutionPlan

RETRIES_FIELD = Field(
    Selector({mode.value: Field({}, is_required=False) for mode in (RetryMode.ENABLED, RetryMode.DISABLED)}),
    default_value={RetryMode.ENABLED.value: {}},
    description="Whether a step that fails runs again when it asks for that, or its retry policy says so.",
)


class InProcessExecutor(Executor):
    """Runs steps one after another.

    Args:
        retries: whether requests to run a step again are heeded.
    """

    def __init__(self, retries: RetryMode = RetryMode.ENABLED) -> None:
        self._retries = retries

    @property
    def retries(self) -> RetryMode:
        return self._retries

    def execute(self, pipeline_context: PipelineContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        return execute_steps(pipeline_context, execution_plan, self._retries)


@executor(name="in_process", config_schema={"retries": RETRIES_FIELD})
def in_process_executor(init_context: InitExecutorContext) -> InProcessExecutor:
    """Runs every step in the process of the run; the default executor.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, in_process_executor, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> mode = ModeDefinition(executor_defs=[in_process_executor])
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> execute_pipeline(count, {"execution": {"in_process": {"config": {"retries": {"disabled": {}}}}}}).success
        True
    """
    (retries,) = init_context.executor_config["retries"]
    return InProcessExecutor(RetryMode(retries))
