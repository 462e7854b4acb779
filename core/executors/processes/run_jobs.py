"""What the processes of steps are told of a run and its steps."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from core.errors import DagsterUnmetExecutorRequirementsError
from core.events.payloads import StepOutputHandle
from core.execution.contexts.pipeline import PipelineContext
from core.execution.worker.records import Known, RunJob, StepJob
from core.executors.processes.messages import Setup
from core.plan import ExecutionPlan
from core.plan.progress import Attempt
from core.plan.steps import ExecutionStep


class RunJobs:
    """Tells of one run what other processes must know to execute its steps.

    Args:
        pipeline_context: the run.
        plan: its plan.
        may_retry: whether a step is run again when it asks for that, or its policy says so.

    Attributes:
        plan: the plan by now.

    Raises:
        DagsterUnmetExecutorRequirementsError: other processes cannot load the pipeline.
    """

    def __init__(self, pipeline_context: PipelineContext, plan: ExecutionPlan, may_retry: bool) -> None:
        origin = pipeline_context.pipeline_def.python_origin
        if origin is None:
            raise DagsterUnmetExecutorRequirementsError(
                f"Other processes cannot load pipeline {pipeline_context.pipeline_name!r}."
            )
        self._run, self._origin, self.plan, self._may_retry = pipeline_context, origin, plan, may_retry
        self._known = Known().of_more(plan)  # what was told

    def of_step(self, attempt: Attempt, is_captured: bool) -> StepJob:
        """An attempt at a step, with what has become known since this was last asked.

        Args:
            attempt: the attempt.
            is_captured: whether its output is kept.
        """
        plan = self._run.execution_plan
        known = self._known.of_more(plan) if plan is not self.plan else Known()
        self._known, self.plan = self._known.and_then(known), plan
        return StepJob(attempt, is_captured, known, _stamps(plan.steps[attempt.step_key], plan, self._run.stamps))

    def of_run(self) -> Setup:
        """The run, with all that is known of its plan by now."""
        job = RunJob(
            origin=self._origin,
            run=self._run.pipeline_run,
            instance=self._run.instance.get_ref(),
            ancestors=self._run.ancestors,
            is_memoized=self.plan.is_memoized,
            may_retry=self._may_retry,
            known=Known().of_more(self.plan),
        )
        return Setup(list(sys.path), list(sys.argv), job)


def _stamps(
    step: ExecutionStep, plan: ExecutionPlan, stored: Mapping[StepOutputHandle, str]
) -> dict[StepOutputHandle, str]:
    """The stamps of the values that a step takes, which the run has stored or found."""
    handles = frozenset(step.upstream_handles)
    memoized = {key: plan.memoized[key] for key in {each.step_key for each in handles} & plan.memoized.keys()}
    found = {output.handle(key): output.stamp for key, data in memoized.items() for output in data.outputs}
    known = ((handle, stored.get(handle) or found.get(handle)) for handle in handles)
    return {handle: stamp for handle, stamp in known if stamp is not None}
