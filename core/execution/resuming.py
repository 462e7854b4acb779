"""Going on after a run whose process died: what it has stored is taken over, what is gone is computed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from core.definitions.executor import ExecutorDefinition
from core.definitions.pipeline import PipelineDefinition
from core.errors import (
    DagsterInvalidSubsetError,
    DagsterObjectCorruptError,
    DagsterResourceFunctionError,
    DagsterRunConflict,
    user_code_error_boundary,
)
from core.execution.ancestors import find_ancestors
from core.execution.contexts.io import IOContexts
from core.execution.memo.planning import final_plan
from core.execution.opening import OpenRun, opened_to_look
from core.execution.preparing.prepare import PreparedRun, prepare_run
from core.execution.preparing.spec import RunSpec
from core.instance import DagsterInstance
from core.plan import ExecutionPlan
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager, says_whether_there
from core.values.side_by_side import Call, side_by_side

_GONE = (FileNotFoundError, LookupError, DagsterObjectCorruptError)
"""What IO managers raise where there is no value, or none that is whole."""


def end_killed(instance: DagsterInstance, run: PipelineRun) -> PipelineRun:
    """A run that has ended: as it is recorded, or, where it is known that its process is gone, as failed from now on.

    Raises:
        DagsterInvalidSubsetError: it has succeeded.
        DagsterRunConflict: its process lives; nobody here can know whether it does; or it has not begun.
    """
    instance.recover_events()
    run = instance.get_existing_run(run.run_id)
    if run.is_success:
        raise DagsterInvalidSubsetError(f"Run {run.run_id} has succeeded, so there is nothing to resume.")
    if run.is_finished:
        return run
    process = instance.running_runs.living().get(run.run_id)
    if process is not None:
        raise DagsterRunConflict(
            f"Run {run.run_id} is executed by process {process.pid}, which lives. Wait until it has ended, or stop it "
            f"with `cloudstore runs cancel {run.run_id}`, and resume it then."
        )
    killed = instance.running_runs.killed().get(run.run_id)
    if killed is None:
        if run.status is PipelineRunStatus.NOT_STARTED:
            raise DagsterRunConflict(f"Run {run.run_id} has not begun, so there is nothing to resume; execute it.")
        raise DagsterRunConflict(
            f"Run {run.run_id} is {run.status.value}, and this machine does not know whether its process lives: resume "
            f"it on the machine where it ran; or, if its process is gone, say so with `cloudstore runs cancel "
            f"{run.run_id} --force`, and resume it then."
        )
    instance.report_run_failed(run, f"The run failed: its process {killed.pid} is gone, and has not said how it ended.")
    return instance.get_existing_run(run.run_id)


def with_lost_steps(
    pipeline: PipelineDefinition,
    default_executors: Sequence[ExecutorDefinition],
    spec: RunSpec,
    instance: DagsterInstance,
) -> RunSpec:
    """What is asked of a run, with the steps to execute besides, because a value of theirs that it needs is gone.

    The IO managers are started, asked, and stopped again.

    Raises:
        DagsterResourceFunctionError: an IO manager could not be started, or could not say what it has stored.
    """
    while True:
        lost = _lost_steps(prepare_run(pipeline, default_executors, spec), instance)
        if not lost:
            return spec
        chosen = spec.step_selection if spec.step_selection is None else [*spec.step_selection, *sorted(lost)]
        spec = msgspec.structs.replace(spec, step_selection=chosen, ended=(spec.ended or frozenset()) - lost)


class _Value(NamedTuple):
    """A value that an earlier run has stored, and that the run needs."""

    step_key: str
    manager_key: str
    load: InputContext

    @property
    def stored(self) -> OutputContext:
        assert self.load.upstream_output is not None
        return self.load.upstream_output


def _lost_steps(prepared: PreparedRun, instance: DagsterInstance) -> set[str]:
    """The steps that are left out, though a value of theirs that is needed is gone."""
    ancestors = find_ancestors(instance, prepared.run, prepared.plan, _giving_results(prepared.plan))
    with opened_to_look(prepared, instance, ancestors) as run:
        values: dict[str, list[_Value]] = {}
        for value in _needed(run, final_plan(run).plan):
            values.setdefault(value.manager_key, []).append(value)
        lost: set[str] = set()
        for key, of_manager in values.items():
            message = f"IO manager {key!r} could not say what it has stored"
            with user_code_error_boundary(DagsterResourceFunctionError, message):
                answers = _are_there(run.resources.io_manager(key), of_manager)
            lost |= {value.step_key for value, is_there in zip(of_manager, answers, strict=True) if not is_there}
    return lost.union(
        key for key, step in prepared.plan.steps.items() if step.mapped_over and step.mapped_over.step_key in lost
    )


def _giving_results(plan: ExecutionPlan) -> list[str]:
    """The steps of a plan whose outputs no step takes."""
    taken = {handle.step_key for step in plan.steps.values() for handle in step.upstream_handles}
    return [key for key, step in plan.steps.items() if key not in taken and not step.is_template]


def _needed(run: OpenRun, plan: ExecutionPlan) -> Iterator[_Value]:
    """The values of steps that are left out which steps to execute take, and the results among them."""
    here = {*plan.step_keys_to_execute, *plan.memoized}
    loaded = {
        handle
        for step in plan.steps_to_execute
        for each in step.inputs
        if not each.definition.dagster_type.is_nothing
        for handle in each.upstream_handles
    }
    results = {
        handle
        for key in _giving_results(plan)
        for handle in plan.handles(plan.steps[key])
        if key in run.ancestors.run_ids and (handle.mapping_key or not plan.output_def(handle).is_dynamic)
    }
    contexts = IOContexts(run, plan)
    for handle in sorted(loaded | results):
        is_left_out = handle.step_key not in here and handle not in run.ancestors.not_given
        if is_left_out and not plan.output_def(handle).dagster_type.is_nothing:
            yield _Value(handle.step_key, plan.output_def(handle).io_manager_key, contexts.result(handle))


def _are_there(manager: IOManager, values: Sequence[_Value]) -> list[bool]:
    if isinstance(manager, MemoizableIOManager) and all(value.stored.version is not None for value in values):
        return list(manager.has_outputs([value.stored for value in values]))
    ask = _has_value if says_whether_there(manager) else _can_be_loaded
    with side_by_side([Call(manager, "load_input", partial(ask, manager, value)) for value in values]) as answers:
        return [answer() for answer in answers]


def _has_value(manager: IOManager, value: _Value) -> bool:
    is_there = manager.has_value(value.stored)
    return _can_be_loaded(manager, value) if is_there is None else is_there


def _can_be_loaded(manager: IOManager, value: _Value) -> bool:
    try:
        manager.load_input(value.load)
    except _GONE:
        return False
    except Exception:  # noqa: BLE001  the step that takes the value will tell what is wrong with it
        return True
    return True
