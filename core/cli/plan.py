"""`cloudstore plan`: what a memoized run would execute, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from core.api import plan_pipeline
from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, pipeline_options, refresh_option
from core.cli.output.explanations import show_explanations
from core.cli.output.terminal import say
from core.definitions.pipeline import PipelineDefinition
from core.instance import DagsterInstance
from core.records.tags import MEMOIZED_RUN_TAG
from core.views.explanations import explain_steps
from core.views.memoized_runs import planned_run


@click.command()
@pipeline_options
@refresh_option
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line: step_key, outcome, reasons, compared_with."
)
def plan(chosen: ChosenPipeline, refresh: tuple[str, ...], as_json: bool) -> None:
    """Say what a memoized run would execute, and why. Nothing is executed or recorded.

    Steps are compared with runs of the instance in $DAGSTER_HOME, as by `cloudstore explain`.

    If the output is not a terminal, each step is a line: step, outcome, reasons and the other run, separated by tabs.

    \b
    Example:
      cloudstore plan -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures(chosen.placed):
        show_plan(chosen.load(), chosen.run_config(), chosen.mode, chosen.preset, refresh, as_json=as_json)


def show_plan(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any],
    mode: str | None,
    preset: str | None,
    refresh: Sequence[str],
    memoize: bool | None = True,
    as_json: bool = False,
) -> None:
    """Shows what a run would execute; raises the same errors as `plan_pipeline`.

    Args:
        pipeline: the pipeline.
        run_config: its config.
        mode: the name of the mode; None for the first.
        preset: the name of a preset, onto which the config is merged; None for none.
        refresh: steps to execute whatever is stored.
        memoize: whether the run would be memoized; None to let the pipeline's tags decide.
        as_json: prints one JSON object per line.
    """
    tags = {**pipeline.tags, **(pipeline.get_preset(preset).tags if preset else {})}
    is_memoized = tags.get(MEMOIZED_RUN_TAG, "").lower() == "true" if memoize is None else memoize
    with DagsterInstance.get() as instance:
        planned = plan_pipeline(pipeline, run_config, mode, preset, instance=instance, refresh=refresh)
        if not is_memoized:
            message = f"All {len(planned.versioned.steps)} steps would run, since the run would not be memoized."
            say(f"{message} With --memoize, steps whose values are stored are skipped.")
            return
        run = planned_run(planned.versioned, planned.memoized, planned.step_keys_to_execute)
        explanations = explain_steps(instance, planned.pipeline_name, run, list(run.steps))
    show_explanations(f"{planned.pipeline_name}, if run memoized now", explanations, as_json)
