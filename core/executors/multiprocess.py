"""The executor that runs each step in a process of its own, several at the same time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from core.config import Array, Checked, Field, FloatSource, IntSource, Noneable, Shape
from core.definitions.executor import ExecutorRequirement, InitExecutorContext, executor
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.executor import Executor, RetryMode
from core.executors.in_process import RETRIES_FIELD
from core.executors.limits import Slots, TagLimit, usable_cores
from core.plan import ExecutionPlan


def multiple_process_executor_requirements() -> list[ExecutorRequirement]:
    """What an executor with processes of its own needs of a run, for `requirements` of `@executor`.

    Example:
        >>> from core import multiple_process_executor_requirements
        >>> [each.name for each in multiple_process_executor_requirements()]
        ['RECONSTRUCTABLE_PIPELINE', 'NON_EPHEMERAL_INSTANCE', 'PERSISTENT_OUTPUTS']
    """
    return [
        ExecutorRequirement.RECONSTRUCTABLE_PIPELINE,
        ExecutorRequirement.NON_EPHEMERAL_INSTANCE,
        ExecutorRequirement.PERSISTENT_OUTPUTS,
    ]


KILL_AFTER_SECONDS = 10.0


class MultiprocessExecutor(Executor):
    """Runs each step in a process that is forked from one which has loaded the pipeline.

    Args:
        max_concurrent: how many steps run at the same time at most; 0 for as many as this process may use processors.
        retries: whether requests to run a step again are heeded.
        tag_limits: limits for steps with a tag.
        kill_after_seconds: how long a step that is told to end may go on, until its process is killed.
    """

    def __init__(
        self,
        max_concurrent: int = 0,
        retries: RetryMode = RetryMode.ENABLED,
        tag_limits: Sequence[TagLimit] = (),
        kill_after_seconds: float = KILL_AFTER_SECONDS,
    ) -> None:
        self._max_concurrent = max_concurrent or usable_cores()
        self._retries, self._tag_limits = retries, tuple(tag_limits)
        self._kill_after_seconds = kill_after_seconds

    @property
    def retries(self) -> RetryMode:
        return self._retries

    def execute(self, pipeline_context: PipelineContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        from core.executors.processes.run_jobs import RunJobs
        from core.executors.processes.step_processes import StepProcesses  # heavy: sockets and subprocesses
        from core.executors.side_by_side import SideBySide

        may_retry = self._retries is RetryMode.ENABLED
        jobs = RunJobs(pipeline_context, execution_plan, may_retry)
        processes = StepProcesses(jobs.of_run, pipeline_context.pipeline_name)
        slots = Slots(self._max_concurrent, self._tag_limits)
        loop = SideBySide(pipeline_context, jobs, processes, slots, may_retry, self._kill_after_seconds)
        return loop.execute()


_LIMIT = Checked(IntSource, "a whole number above 0", lambda count: count > 0)
TAG_LIMIT = Shape({"key": str, "value": Field(Noneable(str), is_required=False), "limit": _LIMIT})
KILL_AFTER_FIELD = Field(
    Checked(FloatSource, "a number of seconds, 0 or above", lambda seconds: 0 <= seconds < math.inf),
    default_value=KILL_AFTER_SECONDS,
    description="How long a step that is told to end may go on, until its process is killed.",
)


@executor(
    name="multiprocess",
    config_schema={
        "max_concurrent": Field(
            Checked(IntSource, "a whole number, 0 or above", lambda count: count >= 0),
            default_value=0,
            description="How many steps run at the same time at most; 0 for one a processor.",
        ),
        "tag_concurrency_limits": Field(
            Array(TAG_LIMIT),
            default_value=[],
            description="How many steps with a tag, or with one value of it, run at the same time at most.",
        ),
        "retries": RETRIES_FIELD,
        "kill_after_seconds": KILL_AFTER_FIELD,
    },
    requirements=multiple_process_executor_requirements(),
)
def multiprocess_executor(init_context: InitExecutorContext) -> MultiprocessExecutor:
    """Runs each step in a process of its own, several at the same time; docs/execution.md says when to choose it.

    It needs a pipeline that other processes can load, an instance in $DAGSTER_HOME, and values that IO managers keep
    where other processes find them; a run without one of these is refused before anything is recorded.

    Example:
        >>> from pathlib import Path
        >>> from core import DagsterInstance, execute_pipeline, multiprocess_executor, reconstructable
        >>> multiprocess_executor.name
        'multiprocess'
        >>> written = Path("squares.py").write_text('''
        ... from core import ModeDefinition, fs_io_manager, lambda_solid, pipeline
        ... @lambda_solid
        ... def two(): return 2
        ... @lambda_solid
        ... def square(number): return number * number
        ... @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
        ... def squares(): square(two())
        ... ''')
        >>> from squares import squares
        >>> two_at_a_time = {"execution": {"multiprocess": {"config": {"max_concurrent": 2}}}}
        >>> with DagsterInstance.local_temp() as instance:
        ...     result = execute_pipeline(reconstructable(squares), two_at_a_time, instance=instance)
        ...     result.output_for_solid("square")
        4
    """
    config: dict[str, Any] = init_context.executor_config
    (retries,) = config["retries"]
    limits = [TagLimit(each["key"], each["limit"], each.get("value")) for each in config["tag_concurrency_limits"]]
    return MultiprocessExecutor(config["max_concurrent"], RetryMode(retries), limits, config["kill_after_seconds"])
