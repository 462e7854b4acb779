"""What a memoized run would do, decided and not done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.events.payloads import PlanVersionedData, StepMemoizedData
from core.execution.ancestors import Ancestors
from core.execution.memo.decide import decide
from core.execution.memo.fingerprints import fingerprints_of
from core.execution.prepare import PreparedRun
from core.execution.run import pipeline_context
from core.instance import DagsterInstance


class PlannedRun(msgspec.Struct, frozen=True, eq=False):
    """What a memoized run would do now.

    Attributes:
        pipeline_name: the pipeline.
        versioned: what the versions of its steps are made of.
        memoized: what was found, for each step that would not be executed.
        step_keys_to_execute: the steps that would be, in order.
    """

    pipeline_name: str
    versioned: PlanVersionedData
    memoized: Mapping[str, StepMemoizedData]
    step_keys_to_execute: tuple[str, ...]


def preview(prepared: PreparedRun, instance: DagsterInstance) -> PlannedRun:
    """Decides a run as `execute_run` would, records nothing, and executes nothing.

    Raises:
        DagsterResourceFunctionError: an IO manager could not be started, or could not say what it has stored.
    """
    context = pipeline_context(prepared, instance, True, Ancestors(), lambda entry: None)
    try:
        versioning = prepared.versioning.with_fingerprints(fingerprints_of(context.execution_plan, context.resources))
        context.execution_plan = versioning.versioned_plan()
        plan = decide(context)
    finally:
        context.resources.close()
    versioned = msgspec.structs.replace(versioning.described(), lost=dict(plan.lost))
    return PlannedRun(prepared.pipeline.name, versioned, plan.memoized, plan.step_keys_to_execute)
