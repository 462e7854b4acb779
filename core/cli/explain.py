"""`cloudstore explain`: why the steps of a memoized run were executed, or were not."""

from __future__ import annotations

import click

from core.cli.failures import clear_failures
from core.cli.output.explanations import show_explanations
from core.cli.runs import find_run
from core.config import unknown_name
from core.errors import DagsterExecutionStepNotFoundError
from core.instance import persistent_instance
from core.records.pipeline_run import PipelineRun
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG
from core.views.explanations import explain_steps
from core.views.memoized_runs import MOST_RUNS_BACK, read_memoized_run


@click.command(
    help=f"""Say why each step of a memoized run was executed, or was not; with STEP, of that step alone.

    RUN is the run's id, or the beginning of it. A step that was executed is compared with the last run of the pipeline
    before this one in which its value was found; where it never was, with the last memoized run in which it succeeded.
    The last {MOST_RUNS_BACK} memoized runs are looked at.

    Where the output is no terminal, each step is a line: step, outcome, reasons and the other run, with tabs between.
    """
)
@click.argument("run_id", metavar="RUN")
@click.argument("step_key", metavar="[STEP]", required=False)
@click.option(
    "--json", "as_json", is_flag=True, help="A JSON object a line: step_key, outcome, reasons, compared_with."
)
def explain(run_id: str, step_key: str | None, as_json: bool) -> None:
    """Says why the steps of a run were executed, or were not."""
    with clear_failures(), persistent_instance() as instance:
        run = find_run(instance, run_id)
        known = read_memoized_run(instance, run)
        if known is None:
            click.echo(_why_nothing_is_known(run), err=as_json)
            return
        if step_key is not None and step_key not in known.steps:
            raise DagsterExecutionStepNotFoundError(
                f"Run {run.run_id}: {unknown_name('step', step_key, known.steps)}", [step_key]
            )
        step_keys = list(known.steps) if step_key is None else [step_key]
        explanations = explain_steps(instance, run.pipeline_name, known, step_keys)
        show_explanations(f"{run.pipeline_name}, run {run.run_id}: {run.status.value}", explanations, as_json)


def _why_nothing_is_known(run: PipelineRun) -> str:
    if EVENTS_PRUNED_TAG in run.tags:
        pruned = run.tags[EVENTS_PRUNED_TAG]
        return f"Run {run.run_id}: its events were pruned ({pruned}), and with them why its steps were executed."
    if run.tags.get(MEMOIZED_RUN_TAG, "").lower() != "true":
        return (
            f"Run {run.run_id} is not memoized: its steps are executed whatever is stored. "
            "`cloudstore run --memoize` skips those whose values are."
        )
    if not run.is_finished:
        return f"Run {run.run_id} is {run.status.value}, and has not come to its steps yet."
    return (
        f"Run {run.run_id} did not record what its versions were made of: it ended before its first step, or an "
        "earlier release ran it."
    )
