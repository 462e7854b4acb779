"""`cloudstore explain`: why the steps of a memoized run were executed or not."""

from __future__ import annotations

import click

from core.cli.failures import clear_failures
from core.cli.loading import find_run
from core.cli.options import json_option, verbose_option
from core.cli.output.explanations import show_explanations
from core.cli.output.terminal import json_document, say
from core.config import unknown_name
from core.errors import DagsterExecutionStepNotFoundError
from core.instance import persistent_instance
from core.views.documents import ExplainDocument
from core.views.explanations import explain_steps, why_unexplained
from core.views.memoized_runs import MAX_RUNS_BACK, read_memoized_run


@click.command(
    help=f"""Say why each step of a memoized run, or only STEP, was executed or not.

    RUN is the run's id, or the beginning of it. A step that was executed is compared with the last earlier run of the
    pipeline in which its value was found or, if it never was, with the last memoized run in which it succeeded, among
    the last {MAX_RUNS_BACK} memoized runs.

    If the output is not a terminal, each step is a line: step, outcome, reasons and the other run, separated by tabs.
    """
)
@click.argument("run_id", metavar="RUN")
@click.argument("step_key", metavar="[STEP]", required=False)
@json_option
@verbose_option
def explain(run_id: str, step_key: str | None, as_json: bool, is_verbose: bool) -> None:
    """Says why the steps of a run were executed or not."""
    with clear_failures(), json_document(as_json) as document, persistent_instance() as instance:
        run = find_run(instance, run_id)
        known = read_memoized_run(instance, run)
        about = run.run_id, run.pipeline_name, run.status.value
        if known is None:
            if as_json:
                document(ExplainDocument(*about, (), why_unexplained(run)))
            else:
                say(why_unexplained(run))
            return
        if step_key is not None and step_key not in known.steps:
            raise DagsterExecutionStepNotFoundError(
                f"Run {run.run_id}: {unknown_name('step', step_key, known.steps)}", [step_key]
            )
        step_keys = list(known.steps) if step_key is None else [step_key]
        explanations = explain_steps(instance, run.pipeline_name, known, step_keys)
        if as_json:
            document(ExplainDocument(*about, explanations))
        else:
            show_explanations(f"{run.pipeline_name}, run {run.run_id}: {run.status.value}", explanations, is_verbose)
