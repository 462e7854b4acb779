"""The executor that runs each step in a process of its own, several at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.definitions.executor import ExecutorRequirement, InitExecutorContext, executor
from core.execution.contexts.pipeline import PipelineContext
from core.executors.limits import usable_cores
from core.executors.several import SideBySideExecutor, side_by_side_arguments, side_by_side_fields

if TYPE_CHECKING:
    from core.executors.backend import Processes
    from core.executors.processes.run_jobs import RunJobs


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


class MultiprocessExecutor(SideBySideExecutor):
    """Runs each step in a process that is forked from one which has loaded the pipeline."""

    def _processes(self, pipeline_context: PipelineContext, jobs: RunJobs) -> Processes:
        from core.executors.processes.step_processes import StepProcesses  # heavy: sockets and subprocesses

        return StepProcesses(jobs.of_run, pipeline_context.pipeline_name)


@executor(
    name="multiprocess",
    config_schema=side_by_side_fields("How many steps run at the same time at most; 0 for one a processor."),
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
    return MultiprocessExecutor(**side_by_side_arguments(init_context.executor_config, usable_cores()))
