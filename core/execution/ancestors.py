"""The earlier runs whose values a re-execution uses for the steps that it leaves out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from core.definitions.pipeline import PipelineDefinition
from core.events.payloads import StepOutputHandle
from core.events.step_keys import is_template_key, solid_key_of
from core.execution.earlier_steps import EarlierStep, OutputsOf, read_steps
from core.instance import DagsterInstance
from core.plan import ExecutionPlan
from core.plan.part import EarlierKeys
from core.records.pipeline_run import PipelineRun


class Ancestors(msgspec.Struct, frozen=True):
    """The earlier runs that a run takes values from.

    Attributes:
        run_ids: step key -> the run whose values are used for that step.
        not_given: outputs of such steps that were not given in that run.
        addresses: where that run stored outputs of such steps, of those that it says it of.
    """

    run_ids: Mapping[str, str] = {}
    not_given: frozenset[StepOutputHandle] = frozenset()
    addresses: Mapping[StepOutputHandle, str] = {}


def find_ancestors(
    instance: DagsterInstance, run: PipelineRun, plan: ExecutionPlan, also: Collection[str] = ()
) -> Ancestors:
    """For each step that the plan leaves out and a step to execute needs, the nearest ancestor that executed it.

    Args:
        instance: where the ancestors are recorded.
        run: a run; only one that executes another again has ancestors.
        plan: its plan.
        also: keys of steps that are looked for besides.

    Returns:
        The ancestors, without an entry for steps that no ancestor executed or skipped.
    """
    executed_now = set(plan.step_keys_to_execute)
    wanted = {handle.step_key for step in plan.steps_to_execute for handle in step.upstream_handles} - executed_now
    wanted.update(also)
    run_ids: dict[str, str] = {}
    not_given: set[StepOutputHandle] = set()
    addresses: dict[StepOutputHandle, str] = {}
    outputs = {key: step.outputs for key, step in plan.steps.items()}
    ancestor = _parent(instance, run)
    while wanted and ancestor is not None:
        ended = read_steps(instance, ancestor.run_id, outputs.get).ended
        for key in wanted & ended.keys():
            step, earlier = plan.steps[key], ended[key]
            if earlier.is_memoized:  # of what was not needed then, nothing is known
                not_given.update(step.handle(name) for name in earlier.not_given)
                continue
            run_ids[key] = ancestor.run_id
            # A dynamic output is given where its step was not skipped, be it without values.
            those = [output for output in step.outputs if earlier.is_skipped or not output.is_dynamic]
            not_given.update({step.handle(output.name) for output in those} - earlier.given.keys())
            addresses |= {handle: address for handle, address in earlier.given.items() if address is not None}
        wanted -= ended.keys()
        ancestor = _parent(instance, ancestor)
    return Ancestors(run_ids, frozenset(not_given), addresses)


class EarlierRun(msgspec.Struct, frozen=True):
    """What is known of a run that is executed again, and of those before it.

    Attributes:
        mapping_keys: of dynamic outputs, the keys of the values that were given, or found, last; None where the step
            was skipped.
        ended: the steps of that run that ended well: succeeded, were skipped, or did not need to be executed; or of
            which all that they gave is stored, though the run's process died before it could say how they ended.
        refreshed: queries for the steps that were to be executed whatever is stored, and did not end.
    """

    mapping_keys: EarlierKeys = {}
    ended: frozenset[str] = frozenset()
    refreshed: tuple[str, ...] = ()


def read_earlier_run(
    instance: DagsterInstance, run: PipelineRun, pipeline: PipelineDefinition, wants_ended: bool = False
) -> EarlierRun:
    """What is known of a run that is executed again.

    Args:
        instance: where it is recorded.
        run: the run.
        pipeline: the pipeline.
        wants_ended: whether it matters which steps ended well; without dynamic outputs, nothing is read where not.
    """
    sources = [
        StepOutputHandle(solid.key, output.name)
        for solid in pipeline.leaves
        for output in solid.definition.output_defs
        if output.is_dynamic
    ]
    if not sources and not wants_ended:
        return EarlierRun()
    outputs_of = _outputs_of(pipeline)
    said = then = read_steps(instance, run.run_id, outputs_of)
    found: dict[StepOutputHandle, tuple[str, ...] | None] = {}
    earlier: PipelineRun | None = run
    while True:
        new = [source for source in sources if source not in found and source.step_key in then.ended]
        found |= {source: _keys_of(source, then.ended[source.step_key]) for source in new}
        earlier = None if len(found) == len(sources) or earlier is None else _parent(instance, earlier)
        if earlier is None:
            left = [key for key in said.refreshed if key not in said.ended]
            refreshed = dict.fromkeys(solid_key_of(key) if is_template_key(key) else key for key in left)
            return EarlierRun(found, frozenset(said.ended), tuple(refreshed))
        then = read_steps(instance, earlier.run_id, outputs_of)


def _keys_of(source: StepOutputHandle, step: EarlierStep) -> tuple[str, ...] | None:
    keys = (each.mapping_key for each in step.given if each.output_name == source.output_name)
    return None if step.is_skipped else tuple(key for key in keys if key is not None)


def _outputs_of(pipeline: PipelineDefinition) -> OutputsOf:
    known = {solid.key: solid.definition.output_defs for solid in pipeline.leaves}
    return lambda step_key: known.get(solid_key_of(step_key))


def _parent(instance: DagsterInstance, run: PipelineRun) -> PipelineRun | None:
    return instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
