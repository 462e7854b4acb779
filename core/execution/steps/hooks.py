"""Calling the hooks of a step that has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import own_plain_copy
from core.definitions.hook import HookDefinition
from core.errors import DagsterUserCodeExecutionError, HookExecutionError, user_code_error_boundary
from core.events.payloads import HookErroredData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.broken_off import is_interrupt, what_ended
from core.execution.contexts.hook import HookContext, StepEnd
from core.execution.contexts.step import StepContext
from core.serdes import error_info


def call_hooks(step_context: StepContext, events: list[DagsterEvent], error: BaseException | None) -> None:
    """Calls each hook of a step that has ended, in order. Where one raises, that is recorded, and the next is called.

    Args:
        step_context: the last attempt at the step.
        events: those of the attempt; gets HOOK_COMPLETED, HOOK_SKIPPED or HOOK_ERRORED of each hook.
        error: what failed the step.

    Raises:
        BaseException: a signal or Ctrl-C that came while a hook ran.
    """
    if not step_context.step.hooks:
        return
    end, of_step = _end(step_context, error), tuple(events)
    for hook_def in step_context.step.hooks:
        context = HookContext(end, step_context.pipeline_context.resources.scope, hook_def)
        events.append(_call(step_context, hook_def, context, of_step))


def _end(step_context: StepContext, error: BaseException | None) -> StepEnd:
    run, step = step_context.pipeline_context, step_context.step
    return StepEnd(
        log=step_context.log,
        mode_def=run.mode_def,
        pipeline_name=run.pipeline_name,
        run_id=run.run_id,
        solid=step.solid,
        step_key=step.key,
        solid_config=own_plain_copy(step.solid_config.config),
        solid_exception=error.user_exception if isinstance(error, DagsterUserCodeExecutionError) else error,
        solid_output_values=_by_output(step_context.given_values or {}),
    )


def _by_output(given: Mapping[StepOutputHandle, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for handle, value in given.items():
        if handle.mapping_key is None:
            values[handle.output_name] = value
        else:
            values.setdefault(handle.output_name, {})[handle.mapping_key] = value
    return values


def _call(
    step_context: StepContext, hook_def: HookDefinition, context: HookContext, events: Sequence[DagsterEvent]
) -> DagsterEvent:
    named = f"hook {hook_def.name!r} of step {step_context.step.key!r}"
    compute_logs = step_context.pipeline_context.instance.compute_log_manager
    try:
        with user_code_error_boundary(HookExecutionError, f"H{named[1:]} raised"):
            result = hook_def.hook_fn(context, events)
    except BaseException as error:  # not even sys.exit in a hook fails the step, or ends the run
        if is_interrupt(error):
            raise
        compute_logs.show_output()
        info = error_info(error)
        how = str(error) if isinstance(error, HookExecutionError) else f"H{named[1:]} {_how_failed(error)}"
        return step_context.record("HOOK_ERRORED", how, HookErroredData(info, hook_def.name), info, logging.ERROR)
    compute_logs.show_output()
    if result is not None and result.is_skipped:
        return step_context.record("HOOK_SKIPPED", f"Skipped {named}.")
    return step_context.record("HOOK_COMPLETED", f"Finished {named}.")


def _how_failed(error: BaseException) -> str:
    return f"failed: {error}" if isinstance(error, Exception) else f"was ended by {what_ended(error)}."
