"""What a memoized run would do, found out without doing it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.events.payloads import PlanVersionedData, StepMemoizedData
from core.execution.memo.planning import final_plan
from core.execution.opening import opened_to_look
from core.execution.preparing.prepare import PreparedRun
from core.instance import DagsterInstance


class PlannedRun(msgspec.Struct, frozen=True, eq=False):
    """What a memoized run would do now.

    Attributes:
        pipeline_name: the pipeline.
        versioned: what the versions of its steps are made of.
        memoized: what was found, for each step that would not be executed.
        step_keys_to_execute: the steps that would be, in order.

    Example:
        >>> from core import ModeDefinition, pipeline, plan_pipeline, solid, versioned_filesystem_io_manager
        >>> one = solid(name="one", version="1")(lambda context: 1)
        >>> stored = versioned_filesystem_io_manager.configured({"base_dir": "values"})
        >>> mode = ModeDefinition(resource_defs={"io_manager": stored})
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> planned = plan_pipeline(count)
        >>> planned.step_keys_to_execute, dict(planned.memoized)
        (('one',), {})
    """

    pipeline_name: str
    versioned: PlanVersionedData
    memoized: Mapping[str, StepMemoizedData]
    step_keys_to_execute: tuple[str, ...]


def preview(prepared: PreparedRun, instance: DagsterInstance) -> PlannedRun:
    """Decides a memoized run as it would be executed, records nothing, and executes nothing.

    Raises:
        DagsterResourceFunctionError: an IO manager could not be started, or could not say what it has stored.
    """
    with opened_to_look(prepared, instance) as run:
        final = final_plan(run)
    assert final.versioned is not None, "only memoized runs are previewed"
    return PlannedRun(prepared.pipeline.name, final.versioned, final.plan.memoized, final.plan.step_keys_to_execute)
