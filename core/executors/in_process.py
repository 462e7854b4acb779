"""The executor that runs every step in the process of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.definitions.executor import (
    RETRIES_FIELD,
    Executor,
    InitExecutorContext,
    RetryMode,
    executor,
)
from core.events.records import DagsterEvent
from core.execution.steps.in_turn import execute_steps


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

    def execute(self, pipeline_context: Any, execution_plan: Any) -> Iterator[DagsterEvent]:
        return execute_steps(pipeline_context, execution_plan, self._retries)


@executor(name="in_process", config_schema={"retries": RETRIES_FIELD})
def in_process_executor(init_context: InitExecutorContext) -> InProcessExecutor:
    """Runs every step in the process of the run; the default executor."""
    (retries,) = init_context.executor_config["retries"]
    return InProcessExecutor(RetryMode(retries))
