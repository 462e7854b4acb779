"""Memoized runs, read from the logs of an instance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.events.event_types import DagsterEventType
from core.events.payloads import (
    HandledOutputData,
    PlanVersionedData,
    StepMemoizedData,
    StepOutputHandle,
    VersionedStep,
)
from core.events.records import EventLogEntry
from core.events.step_keys import solid_key_of, template_key
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG
from core.versions.differences import inputs_from_outputs
from core.versions.explain import MemoizedRun, Outcome

MAX_RUNS_BACK = 50
"""How many earlier memoized runs are searched: without a limit, a step that is never a hit would read all of them."""

_PAGE = 10

_OUTCOMES: dict[str, Outcome] = {
    "STEP_START": "begun",
    "STEP_SUCCESS": "executed",
    "STEP_FAILURE": "failed",
    "STEP_SKIPPED": "skipped",
    "STEP_MEMOIZED": "hit",
}
_DECIDING = (DagsterEventType.STEP_MEMOIZED, DagsterEventType.STEP_SUCCESS)
_REST = (DagsterEventType.PLAN_VERSIONED, DagsterEventType.HANDLED_OUTPUT)


def read_memoized_run(instance: DagsterInstance, run: PipelineRun) -> MemoizedRun | None:
    """A memoized run from its log; None if the run did not record what its versions were made of."""
    return _from_log(run, instance.all_logs(run.run_id))


def planned_run(
    data: PlanVersionedData, memoized: Mapping[str, StepMemoizedData], step_keys_to_execute: Iterable[str]
) -> MemoizedRun:
    """A memoized run that is only planned.

    Args:
        data: what the versions of its steps are made of.
        memoized: what was found, for each step that would not be executed.
        step_keys_to_execute: the other steps that would be reached.
    """
    outcomes: dict[str, Outcome] = dict.fromkeys(memoized, "hit")
    to_execute = set(step_keys_to_execute)
    not_given = {
        str(output.handle(key)) for key, found in memoized.items() for output in found.outputs if not output.is_given
    }
    for step in data.steps:  # in the order of execution, so what feeds a step comes before it
        if step.step_key in to_execute:
            is_skipped = _is_skipped(step, not_given)
            outcomes[step.step_key] = "would be skipped" if is_skipped else "would run"
            not_given |= {f"{step.step_key}.{name}" for name in step.outputs} if is_skipped else set()
    return MemoizedRun(None, data, outcomes, memoized)


def _is_skipped(step: VersionedStep, not_given: set[str]) -> bool:
    """Whether an input would get no value, because it is stored that the outputs that feed it were not given."""
    return any(set(outputs) <= not_given for outputs in inputs_from_outputs(step.facts))


def runs_to_compare_with(
    instance: DagsterInstance, pipeline_name: str, now: MemoizedRun, step_keys: Iterable[str], before: str | None
) -> dict[str, MemoizedRun]:
    """For each step, the last run in which it was a hit or, if it never was, the last in which it succeeded.

    A later run in which the step succeeded with the version it has now takes precedence over one in which it was a hit.

    Args:
        instance: has the runs.
        pipeline_name: the pipeline.
        now: the run to compare.
        step_keys: some of its steps.
        before: only runs older than the one with this id; None for all.

    Returns:
        step key -> run, among the last `MAX_RUNS_BACK` memoized runs; steps for which there is none are left out.
    """
    sought = set(step_keys)
    decided: dict[str, MemoizedRun] = {}
    succeeded: dict[str, MemoizedRun] = {}
    runs = _earlier_runs(instance, pipeline_name, before)
    while sought and (run := next(runs, None)) is not None:
        entries = _of_types(instance, run, _DECIDING)
        hits, successes = (keys & sought for keys in _ended_steps(entries))
        if hits or not successes <= succeeded.keys():
            read = _from_log(run, [*entries, *_of_types(instance, run, _REST)])
            if read is None:
                continue
            for key in (hits | successes) & read.steps.keys():
                if key in hits or read.steps[key].outputs == now.steps[key].outputs:
                    decided[key] = read
                else:
                    succeeded.setdefault(key, read)
            sought -= decided.keys()
    return {**succeeded, **decided}


def _earlier_runs(instance: DagsterInstance, pipeline_name: str, before: str | None) -> Iterator[PipelineRun]:
    """Memoized runs whose events are kept, newest first; read page by page as the caller iterates."""
    memoized = PipelineRunsFilter(pipeline_name=pipeline_name, tags={MEMOIZED_RUN_TAG: "true"})
    cursor = before
    for _page in range(MAX_RUNS_BACK // _PAGE):
        runs = instance.get_runs(memoized, cursor, _PAGE)
        yield from (run for run in runs if EVENTS_PRUNED_TAG not in run.tags)
        if len(runs) < _PAGE:
            return
        cursor = runs[-1].run_id


def _of_types(
    instance: DagsterInstance, run: PipelineRun, event_types: Iterable[DagsterEventType]
) -> list[EventLogEntry]:
    return [entry for event_type in event_types for entry in instance.all_logs(run.run_id, event_type)]


def _ended_steps(entries: Iterable[EventLogEntry]) -> tuple[set[str], set[str]]:
    """Keys of the steps with an output that was found, and of those that were executed."""
    found: set[str] = set()
    succeeded: set[str] = set()
    for event in (entry.dagster_event for entry in entries):
        if event is not None and event.step_key is not None:
            data = event.event_specific_data
            if not isinstance(data, StepMemoizedData):
                succeeded.add(event.step_key)
            elif data.outputs:  # empty if no step needed the outputs, so that the store was not asked for them
                found.add(event.step_key)
    return found, succeeded


def _whole(plans: Sequence[PlanVersionedData]) -> PlanVersionedData:
    """What a run was planned to do, with what became known while it went on: steps have taken the place of templates,
    and others have other facts.
    """
    latest = {step.step_key: step for plan in plans for step in plan.steps}
    expanded = {key for plan in plans for key in plan.expanded}
    steps_of: dict[str, list[VersionedStep]] = {key: [] for key in expanded}
    for key, step in latest.items():
        if key not in expanded and (template := template_key(solid_key_of(key))) in expanded:
            steps_of[template].append(step)
    return PlanVersionedData(
        tuple(each for step in plans[0].steps for each in steps_of.get(step.step_key, [latest[step.step_key]])),
        {name: facts for plan in plans for name, facts in plan.solids.items()},
        {key: facts for plan in plans for key, facts in plan.resources.items()},
        tuple(key for key in dict.fromkeys(key for plan in plans for key in plan.refreshed) if key not in expanded),
        {key: address for plan in plans for key, address in plan.lost.items()},
    )


def _from_log(run: PipelineRun, entries: Iterable[EventLogEntry]) -> MemoizedRun | None:
    plans: list[PlanVersionedData] = []
    outcomes: dict[str, Outcome] = {}
    found: dict[str, StepMemoizedData] = {}
    stored: dict[StepOutputHandle, str | None] = {}
    for entry in entries:
        event = entry.dagster_event
        data = event.event_specific_data if event is not None else None
        if isinstance(data, PlanVersionedData):
            plans.append(data)
        elif event is not None and event.step_key is not None:
            if event.event_type_value in _OUTCOMES:
                outcomes[event.step_key] = _OUTCOMES[event.event_type_value]
            if isinstance(data, StepMemoizedData):
                found[event.step_key] = data
            elif isinstance(data, HandledOutputData):
                stored[data.handle(event.step_key)] = data.address
    if not plans:
        return None
    plan = _whole(plans)
    outcomes |= {key: "refreshed" for key in plan.refreshed if outcomes.get(key) == "executed"}
    return MemoizedRun(run.run_id, plan, outcomes, found, stored, run.is_finished)
