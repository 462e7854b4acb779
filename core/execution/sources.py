"""Whose values stand for those of steps that a re-execution leaves out."""

from __future__ import annotations

from core.events.event_types import DagsterEventType
from core.instance import DagsterInstance
from core.plan import ExecutionPlan
from core.storage.pipeline_run import PipelineRun


def find_source_runs(instance: DagsterInstance, parent: PipelineRun, plan: ExecutionPlan) -> dict[str, str]:
    """For each step that the plan leaves out and a step to execute needs, the nearest ancestor that executed it.

    Args:
        instance: where the ancestors are recorded.
        parent: the nearest ancestor.
        plan: the plan of the re-execution.

    Returns:
        Step key -> run id. Steps that no ancestor executed are left out.
    """
    executed_now = set(plan.step_keys_to_execute)
    wanted = {handle.step_key for step in plan.steps_to_execute for handle in step.upstream_handles} - executed_now
    found: dict[str, str] = {}
    ancestor: PipelineRun | None = parent
    while wanted and ancestor is not None:
        logs = instance.all_logs(ancestor.run_id, DagsterEventType.STEP_SUCCESS)
        succeeded = {entry.step_key for entry in logs if entry.step_key} & wanted
        found.update(dict.fromkeys(succeeded, ancestor.run_id))
        wanted -= succeeded
        ancestor = instance.get_run_by_id(ancestor.parent_run_id) if ancestor.parent_run_id else None
    return found
