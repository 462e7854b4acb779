"""Asking the IO managers which outputs of a memoized run are stored."""

from __future__ import annotations

from collections.abc import Iterable

from core.errors import DagsterResourceFunctionError, user_code_error_boundary
from core.events.payloads import MemoizedOutput, StepOutputHandle
from core.execution.context import PipelineContext
from core.plan import ExecutionPlan, without_memoized
from core.storage.event_log.base import StepOutputAddress, StepOutputKey
from core.storage.io_context import OutputContext
from core.storage.io_manager import MemoizableIOManager

Stored = dict[StepOutputHandle, MemoizedOutput]
Origins = dict[StepOutputHandle, StepOutputAddress]


def decide(pipeline_context: PipelineContext) -> ExecutionPlan:
    """The run's plan without the steps whose outputs are stored. Each IO manager is asked once, for all its outputs.

    An output whose IO manager is not memoizable counts as not stored. Of an optional output it may be stored that the
    solid did not give it. A warning names each value that this instance knows, and that is not there any more.
    """
    plan = pipeline_context.execution_plan
    asked: dict[str, list[StepOutputHandle]] = {}
    for step in plan.steps_to_execute:
        for output in step.outputs if step.key not in plan.refreshed else ():
            handle = step.handle(output.name)
            if plan.versions[handle] is not None:
                asked.setdefault(output.io_manager_key, []).append(handle)
    origins = _origins(pipeline_context, [handle for handles in asked.values() for handle in handles])
    stored: Stored = {}
    for key, handles in asked.items():
        manager = pipeline_context.io_manager(key)
        if isinstance(manager, MemoizableIOManager):
            found = _stored_by(pipeline_context, key, manager, handles, origins)
            _warn_of_missing(pipeline_context, manager, [each for each in handles if each not in found], origins)
            stored.update(found)
    return without_memoized(plan, stored)


def _origins(pipeline_context: PipelineContext, handles: Iterable[StepOutputHandle]) -> Origins:
    """Where each was stored last and by which run, as far as this instance knows."""
    name, known = pipeline_context.pipeline_name, pipeline_context.execution_plan.versions
    versions: dict[StepOutputKey, str] = {(name, handle): known[handle] or "" for handle in handles}
    found = pipeline_context.instance.event_log_storage.get_step_output_addresses(versions)
    return {handle: address for (_, handle), address in found.items()}


def _stored_by(
    pipeline_context: PipelineContext,
    key: str,
    manager: MemoizableIOManager,
    handles: list[StepOutputHandle],
    origins: Origins,
) -> Stored:
    values = {handle: pipeline_context.output_context(handle) for handle in handles}
    absences = {
        handle: pipeline_context.absence_context(handle)
        for handle in handles
        if not pipeline_context.execution_plan.output_def(handle).is_required
    }
    stored: Stored = {}
    with user_code_error_boundary(DagsterResourceFunctionError, f"IO manager {key!r} could not say what it has stored"):
        asked = [*values.items(), *absences.items()]
        _tell_stamps(pipeline_context, manager, [context for _, context in asked])
        answers = manager.has_outputs([context for _, context in asked])
        for (handle, context), is_stored in zip(asked, answers, strict=True):
            if is_stored and handle not in stored:
                stored[handle] = _found(manager, context, origins.get(handle), context is values[handle])
    return stored


def _tell_stamps(
    pipeline_context: PipelineContext, manager: MemoizableIOManager, contexts: Iterable[OutputContext]
) -> None:
    addresses = {address: context for context in contexts if (address := manager.get_address(context)) is not None}
    stamps = pipeline_context.instance.event_log_storage.get_value_stamps(addresses)
    for address, stamp in stamps.items():
        addresses[address].stamp = stamp


def _found(
    manager: MemoizableIOManager, context: OutputContext, origin: StepOutputAddress | None, is_given: bool
) -> MemoizedOutput:
    return MemoizedOutput(
        context.name,
        context.version or "",
        manager.get_address(context),
        origin.run_id if origin is not None and is_given else None,
        manager.get_stamp(context),
        is_given,
    )


def _warn_of_missing(
    pipeline_context: PipelineContext,
    manager: MemoizableIOManager,
    missing: Iterable[StepOutputHandle],
    origins: Origins,
) -> None:
    for handle in missing:
        origin = origins.get(handle)
        if origin is not None and origin.address == manager.get_address(pipeline_context.output_context(handle)):
            pipeline_context.log.warning(
                f"Output {handle.output_name!r} of step {handle.step_key!r}: the value that run {origin.run_id} stored "
                f"at {origin.address} is gone, or is not the one that was stored. It is computed again where needed."
            )
