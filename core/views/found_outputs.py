"""What a memoized run found of a step instead of executing it."""

from __future__ import annotations

from core.events.event_types import DagsterEventType
from core.events.payloads import MemoizedOutput, PlanVersionedData, StepMemoizedData, StepOutputHandle
from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun


def found_outputs(instance: DagsterInstance, run: PipelineRun, step_key: str) -> list[MemoizedOutput] | None:
    """The outputs of a step that a run found; None where it did not find the step memoized.

    Of outputs that no step needed, a run does not look for the values. They are those that the instance knows.

    Args:
        instance: has the run.
        run: the run.
        step_key: the step.
    """
    entries = instance.all_logs(run.run_id, DagsterEventType.STEP_MEMOIZED)
    data = [
        each.dagster_event.event_specific_data for each in entries if each.dagster_event and each.step_key == step_key
    ]
    if not data:
        return None
    found = [output for each in data if isinstance(each, StepMemoizedData) for output in each.outputs]
    return found or _known_outputs(instance, run, step_key)


def _known_outputs(instance: DagsterInstance, run: PipelineRun, step_key: str) -> list[MemoizedOutput]:
    versions: dict[tuple[str, StepOutputHandle], str] = {}
    for entry in instance.all_logs(run.run_id, DagsterEventType.PLAN_VERSIONED):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        steps = data.steps if isinstance(data, PlanVersionedData) else ()
        for name, version in (item for step in steps if step.step_key == step_key for item in step.outputs.items()):
            if version is not None:
                versions[run.pipeline_name, StepOutputHandle(step_key, name)] = version
    known = instance.event_log_storage.get_step_output_addresses(versions)
    return [MemoizedOutput(key[1].output_name, versions[key], each.address, each.run_id) for key, each in known.items()]
