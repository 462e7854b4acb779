"""Asking the IO managers which outputs of a memoized run are stored."""

from __future__ import annotations

from core.errors import DagsterResourceFunctionError, user_code_error_boundary
from core.events.payloads import MemoizedOutput, StepOutputHandle
from core.execution.context import PipelineContext
from core.plan import ExecutionPlan, without_memoized
from core.storage.event_log.base import StepOutputAddress, StepOutputKey
from core.storage.io_manager import MemoizableIOManager

Stored = dict[StepOutputHandle, MemoizedOutput]


def decide(pipeline_context: PipelineContext) -> ExecutionPlan:
    """The run's plan without the steps whose outputs are stored. Each IO manager is asked once, for all its outputs.

    An output whose IO manager is not memoizable counts as not stored.
    """
    plan = pipeline_context.execution_plan
    by_manager: dict[str, list[StepOutputHandle]] = {}
    for step in plan.steps_to_execute:
        for output in step.outputs:
            handle = step.handle(output.name)
            if plan.versions[handle] is not None:
                by_manager.setdefault(output.io_manager_key, []).append(handle)
    stored: Stored = {}
    for key, handles in by_manager.items():
        stored.update(_stored_by(pipeline_context, key, handles))
    return without_memoized(plan, _with_origins(pipeline_context, stored))


def _stored_by(pipeline_context: PipelineContext, key: str, handles: list[StepOutputHandle]) -> Stored:
    manager = pipeline_context.io_manager(key)
    if not isinstance(manager, MemoizableIOManager):
        return {}
    contexts = [pipeline_context.output_context(handle) for handle in handles]
    with user_code_error_boundary(DagsterResourceFunctionError, f"IO manager {key!r} could not say what it has stored"):
        answers = manager.has_outputs(contexts)
    return {
        handle: MemoizedOutput(handle.output_name, context.version or "", manager.get_address(context))
        for handle, context, is_stored in zip(handles, contexts, answers, strict=True)
        if is_stored
    }


def _with_origins(pipeline_context: PipelineContext, stored: Stored) -> Stored:
    """With the run that made each, where this instance knows it."""
    name = pipeline_context.pipeline_name
    versions: dict[StepOutputKey, str] = {(name, handle): found.version for handle, found in stored.items()}
    origins = pipeline_context.instance.event_log_storage.get_step_output_addresses(versions)
    return {handle: _with_origin(found, origins.get((name, handle))) for handle, found in stored.items()}


def _with_origin(found: MemoizedOutput, origin: StepOutputAddress | None) -> MemoizedOutput:
    if origin is None:
        return found
    return MemoizedOutput(found.output_name, found.version, found.address, origin.run_id)
