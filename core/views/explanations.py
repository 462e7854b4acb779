"""Why the steps of a run were executed, or were not."""

from __future__ import annotations

from collections.abc import Sequence

from core.instance import DagsterInstance
from core.versions.explain import Explanation, MemoizedRun, explain_step
from core.views.memoized_runs import runs_to_compare_with


def explain_steps(
    instance: DagsterInstance, pipeline_name: str, run: MemoizedRun, step_keys: Sequence[str]
) -> list[Explanation]:
    """Why each of these steps of a run was executed, or was not; see `explain_step`."""
    compared = [key for key in step_keys if run.is_to_be_compared(key)]
    earlier = runs_to_compare_with(instance, pipeline_name, run, compared, run.run_id)
    return [explain_step(key, run, earlier.get(key)) for key in step_keys]
