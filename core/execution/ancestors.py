"""The earlier runs whose values a re-execution uses for the steps that it leaves out."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.events.payloads import StepOutputData, StepOutputHandle
from core.instance import DagsterInstance
from core.plan import ExecutionPlan
from core.records.pipeline_run import PipelineRun


class Ancestors(msgspec.Struct, frozen=True):
    """The earlier runs that a run takes values from.

    Attributes:
        run_ids: step key -> the run whose values are used for that step.
        not_given: outputs of such steps that were not given in that run.
    """

    run_ids: Mapping[str, str] = {}
    not_given: frozenset[StepOutputHandle] = frozenset()


def find_ancestors(instance: DagsterInstance, run: PipelineRun, plan: ExecutionPlan) -> Ancestors:
    """For each step that the plan leaves out and a step to execute needs, the nearest ancestor that executed it.

    Args:
        instance: where the ancestors are recorded.
        run: a run; only one that executes another again has ancestors.
        plan: its plan.

    Returns:
        The ancestors, without an entry for steps that no ancestor executed or skipped.
    """
    executed_now = set(plan.step_keys_to_execute)
    wanted = {handle.step_key for step in plan.steps_to_execute for handle in step.upstream_handles} - executed_now
    run_ids: dict[str, str] = {}
    not_given: set[StepOutputHandle] = set()
    ancestor = _parent(instance, run)
    while wanted and ancestor is not None:
        ended, given = _ended_steps(instance, ancestor.run_id)
        for key in wanted & ended:
            run_ids[key] = ancestor.run_id
            step = plan.steps[key]
            not_given.update({step.handle(output.name) for output in step.outputs} - given)
        wanted -= ended
        ancestor = _parent(instance, ancestor)
    return Ancestors(run_ids, frozenset(not_given))


def _parent(instance: DagsterInstance, run: PipelineRun) -> PipelineRun | None:
    return instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None


def _ended_steps(instance: DagsterInstance, run_id: str) -> tuple[set[str], set[StepOutputHandle]]:
    """The steps of a run that succeeded or were skipped, and the outputs that were given; the last attempt counts."""
    ended: set[str] = set()
    given: dict[str, set[StepOutputHandle]] = {}
    for event in (entry.dagster_event for entry in instance.all_logs(run_id)):
        if event is None or event.step_key is None:
            continue
        if event.event_type_value in ("STEP_START", "STEP_RESTARTED"):
            ended.discard(event.step_key)
            given[event.step_key] = set()
        elif event.event_type_value in ("STEP_SUCCESS", "STEP_SKIPPED"):
            ended.add(event.step_key)
        elif isinstance(event.event_specific_data, StepOutputData):
            given.setdefault(event.step_key, set()).add(event.event_specific_data.step_output_handle)
    return ended, set().union(*given.values())
