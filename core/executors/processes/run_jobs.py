"""What the processes of steps are told of a run."""

from __future__ import annotations

from core.errors import DagsterUnmetExecutorRequirementsError
from core.execution.contexts.pipeline import PipelineContext
from core.execution.worker.records import Known, RunJob
from core.executors.processes.step_processes import StepProcesses
from core.plan import ExecutionPlan


def processes_of(pipeline_context: PipelineContext, plan: ExecutionPlan, may_retry: bool) -> StepProcesses:
    """What executes the steps of a run in processes.

    Args:
        pipeline_context: the run.
        plan: its plan.
        may_retry: whether a step is run again when it asks for that, or its policy says so.

    Raises:
        DagsterUnmetExecutorRequirementsError: other processes cannot load the pipeline.
    """
    origin = pipeline_context.pipeline_def.python_origin
    if origin is None:
        raise DagsterUnmetExecutorRequirementsError(
            f"Other processes cannot load pipeline {pipeline_context.pipeline_name!r}."
        )

    def describe(plan: ExecutionPlan) -> RunJob:
        return RunJob(
            origin=origin,
            run=pipeline_context.pipeline_run,
            instance=pipeline_context.instance.get_ref(),
            ancestors=pipeline_context.ancestors,
            is_memoized=plan.is_memoized,
            may_retry=may_retry,
            known=Known().of_more(plan),
        )

    return StepProcesses(describe, plan, pipeline_context.pipeline_name)
