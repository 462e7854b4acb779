"""The values that a step of a run has given, or that the run found in their place: where each is stored."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from core.config import unknown_name
from core.errors import DagsterExecutionStepNotFoundError, DagsterInvariantViolationError
from core.events.event_types import DagsterEventType
from core.events.payloads import HandledOutputData, StepOutputHandle
from core.instance import DagsterInstance
from core.printable import printable
from core.records.pipeline_run import PipelineRun
from core.records.tags import EVENTS_PRUNED_TAG
from core.views.found_outputs import found_outputs


class StoredOutput(msgspec.Struct, frozen=True):
    """One value.

    Attributes:
        handle: the output.
        run_id: the run that stored it.
        version: of the output; None where it has none.
        address: where it is, as a path or URL; None where its IO manager does not say.
        is_given: False where it is stored that the solid did not give this output.
    """

    handle: StepOutputHandle
    run_id: str
    version: str | None
    address: str | None
    is_given: bool = True


def find_output(instance: DagsterInstance, run: PipelineRun, step_key: str, name: str | None) -> StoredOutput:
    """A value of a step.

    Args:
        instance: has the run.
        run: the run.
        step_key: the step.
        name: the output, or `output[key]` of a dynamic one; None for the only value.

    Raises:
        DagsterExecutionStepNotFoundError: the run has no value of that step; the message says why.
        DagsterInvariantViolationError: the step has no such output, or more than one where none is named.
    """
    if EVENTS_PRUNED_TAG in run.tags:
        pruned = run.tags[EVENTS_PRUNED_TAG]
        message = f"Run {run.run_id}: its events were pruned ({pruned}), so it is not known where its values are."
        raise DagsterExecutionStepNotFoundError(message, [step_key])
    outputs = {each.handle.name_in_step: each for each in _outputs(instance, run, step_key)}
    if not outputs:
        raise DagsterExecutionStepNotFoundError(_why_none(instance, run, step_key), [step_key])
    if name is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    if name in outputs:
        return outputs[name]
    where = f"Run {run.run_id}, step {step_key!r}"
    if name is None:
        raise DagsterInvariantViolationError(
            f"{where}: it has {len(outputs)} values; name one of them: {', '.join(map(printable, sorted(outputs)))}."
        )
    raise DagsterInvariantViolationError(f"{where}: {unknown_name('output', name, outputs)}")


def _outputs(instance: DagsterInstance, run: PipelineRun, step_key: str) -> list[StoredOutput]:
    stored: dict[StepOutputHandle, StoredOutput] = {}  # by the last attempt at the step
    for entry in instance.all_logs(run.run_id, DagsterEventType.HANDLED_OUTPUT):
        event = entry.dagster_event
        data = event.event_specific_data if event is not None and event.step_key == step_key else None
        if isinstance(data, HandledOutputData):
            handle = data.handle(step_key)
            stored[handle] = StoredOutput(handle, run.run_id, data.version, data.address, data.is_given)
    if stored:
        return list(stored.values())
    return [
        StoredOutput(each.handle(step_key), each.run_id or run.run_id, each.version, each.address, each.is_given)
        for each in found_outputs(instance, run, step_key) or ()
    ]


def _why_none(instance: DagsterInstance, run: PipelineRun, step_key: str) -> str:
    entries = instance.all_logs(run.run_id)
    steps = {each.step_key for each in entries if each.step_key}
    if step_key not in steps:
        return f"Run {run.run_id}: {unknown_name('step', step_key, _steps_with_values(entries))}"
    return (
        f"Run {run.run_id} has no value of step {step_key!r}: it gave none, failed, or was not executed. "
        f"`cloudstore runs show {run.run_id}` shows how it ended."
    )


def _steps_with_values(entries: Iterable[object]) -> set[str]:
    events = (getattr(each, "dagster_event", None) for each in entries)
    wanted = ("HANDLED_OUTPUT", "STEP_MEMOIZED")
    return {each.step_key for each in events if each is not None and each.step_key and each.event_type_value in wanted}
