"""Why the steps of a run were executed or not."""

from __future__ import annotations

from collections.abc import Sequence

from core.instance import DagsterInstance
from core.records.pipeline_run import PipelineRun
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG
from core.versions.explain import Explanation, MemoizedRun, explain_step
from core.views.memoized_runs import runs_to_compare_with


def explain_steps(
    instance: DagsterInstance, pipeline_name: str, run: MemoizedRun, step_keys: Sequence[str]
) -> list[Explanation]:
    """Why each of these steps of a run was executed or not; see `explain_step`."""
    compared = [key for key in step_keys if run.is_to_be_compared(key)]
    earlier = runs_to_compare_with(instance, pipeline_name, run, compared, run.run_id)
    return [explain_step(key, run, earlier.get(key)) for key in step_keys]


def why_unexplained(run: PipelineRun) -> str:
    """Why nothing can be said about the steps of a run for which `read_memoized_run` gives None."""
    if EVENTS_PRUNED_TAG in run.tags:
        pruned = run.tags[EVENTS_PRUNED_TAG]
        return f"Run {run.run_id}: its events were pruned ({pruned}), so it is not known why its steps were executed."
    if run.tags.get(MEMOIZED_RUN_TAG, "").lower() != "true":
        return (
            f"Run {run.run_id} is not memoized, so its steps are executed whatever is stored. "
            "`cloudstore run --memoize` skips the steps whose values are stored."
        )
    if not run.is_finished:
        return f"Run {run.run_id} is {run.status.value} and has not reached its steps yet."
    return (
        f"Run {run.run_id} did not record what its versions were made of: it ended before its first step, or an "
        "earlier release ran it."
    )
