"""The earlier runs whose values a re-execution uses for the steps that it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from core.definitions.pipeline import PipelineDefinition
from core.events.payloads import HandledOutputData, StepMemoizedData, StepOutputData, StepOutputHandle
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
    addresses: dict[StepOutputHandle, str] = {}
    ancestor = _parent(instance, run)
    while wanted and ancestor is not None:
        ended, given = _ended_steps(instance, ancestor.run_id)
        for key in wanted & ended:
            run_ids[key] = ancestor.run_id
            step, gave = plan.steps[key], given.get(key, {})
            is_skipped = key not in given  # else a dynamic output was given, be it without values
            outputs = [output for output in step.outputs if is_skipped or not output.is_dynamic]
            not_given.update({step.handle(output.name) for output in outputs} - gave.keys())
            addresses |= {handle: address for handle, address in gave.items() if address is not None}
        wanted -= ended
        ancestor = _parent(instance, ancestor)
    return Ancestors(run_ids, frozenset(not_given), addresses)


class EarlierRun(msgspec.Struct, frozen=True):
    """What is known of a run that is executed again, and of those before it.

    Attributes:
        mapping_keys: of dynamic outputs, the keys of the values that were given, or found, last; None where the step
            was skipped.
        ended: the steps of that run that ended well: succeeded, were skipped, or did not need to be executed.
    """

    mapping_keys: EarlierKeys = {}
    ended: frozenset[str] = frozenset()


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
    ended, given = _ended_steps(instance, run.run_id, memoized=True)
    found: dict[StepOutputHandle, tuple[str, ...] | None] = {}
    earlier: PipelineRun | None = run
    ended_then, given_then = ended, given
    while True:
        for source in sources:
            if source not in found and source.step_key in ended_then:
                gave = given_then.get(source.step_key)
                found[source] = gave if gave is None else _mapping_keys(gave, source.output_name)
        earlier = None if len(found) == len(sources) or earlier is None else _parent(instance, earlier)
        if earlier is None:
            return EarlierRun(found, frozenset(ended))
        ended_then, given_then = _ended_steps(instance, earlier.run_id, memoized=True)


def _mapping_keys(given: Iterable[StepOutputHandle], output_name: str) -> tuple[str, ...]:
    keys = (each.mapping_key for each in given if each.output_name == output_name)
    return tuple(key for key in keys if key is not None)


def _parent(instance: DagsterInstance, run: PipelineRun) -> PipelineRun | None:
    return instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None


def _ended_steps(
    instance: DagsterInstance, run_id: str, memoized: bool = False
) -> tuple[set[str], dict[str, dict[StepOutputHandle, str | None]]]:
    """The steps of a run that succeeded or were skipped, and of each that was not skipped the outputs that were given,
    with the addresses that are known; the last attempt counts.

    Args:
        instance: where it is recorded.
        run_id: the run.
        memoized: whether steps that did not need to be executed count too, with the outputs that were found.
    """
    ended: set[str] = set()
    given: dict[str, dict[StepOutputHandle, str | None]] = {}
    for event in (entry.dagster_event for entry in instance.all_logs(run_id)):
        if event is None or event.step_key is None:
            continue
        if event.event_type_value in ("STEP_START", "STEP_RESTARTED"):
            ended.discard(event.step_key)
            given[event.step_key] = {}
        elif event.event_type_value in ("STEP_SUCCESS", "STEP_SKIPPED"):
            ended.add(event.step_key)
        elif isinstance(event.event_specific_data, StepOutputData):
            given.setdefault(event.step_key, {})[event.event_specific_data.step_output_handle] = None
        elif isinstance(event.event_specific_data, HandledOutputData):
            stored = event.event_specific_data
            if (handle := stored.handle(event.step_key)) in given.get(event.step_key, ()):
                given[event.step_key][handle] = stored.address
        elif memoized and isinstance(event.event_specific_data, StepMemoizedData):
            ended.add(event.step_key)
            given[event.step_key] = {
                each.handle(event.step_key): each.address for each in event.event_specific_data.outputs
            }
    return ended, given
