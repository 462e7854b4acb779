"""`cloudstore plan`: what a memoized run would execute, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from core.api import plan_pipeline
from core.cli.failures import advising_presets, clear_failures
from core.cli.options import (
    ChosenPipeline,
    json_option,
    pipeline_options,
    refresh_option,
    select_option,
    verbose_option,
)
from core.cli.output.explanations import show_explanations
from core.cli.output.terminal import json_document, say
from core.definitions.pipeline import PipelineDefinition
from core.instance import DagsterInstance
from core.records.tags import MEMOIZED_RUN_TAG
from core.versions.explain import Explanation
from core.views.documents import PlanDocument
from core.views.explanations import explain_steps
from core.views.memoized_runs import planned_run

_NOT_MEMOIZED = "the run would not be memoized"


@click.command()
@pipeline_options
@refresh_option
@select_option
@json_option
@verbose_option
def plan(
    chosen: ChosenPipeline, refresh: tuple[str, ...], select: tuple[str, ...], as_json: bool, is_verbose: bool
) -> None:
    """Say what a memoized run would execute, and why. Nothing is executed or recorded.

    Steps are compared with runs of the instance in $DAGSTER_HOME, as by `cloudstore explain`.

    If the output is not a terminal, each step is a line: step, outcome, reasons and the other run, separated by tabs.

    \b
    Example:
      cloudstore plan -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures(chosen.placed), json_document(as_json) as document:
        planned = plan_of(chosen.load(), chosen.run_config(), chosen.mode, chosen.preset, refresh, select=select)
        document(planned) if as_json else show_plan(planned, is_verbose)


def plan_of(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any],
    mode: str | None,
    preset: str | None,
    refresh: Sequence[str],
    memoize: bool | None = True,
    select: Sequence[str] = (),
) -> PlanDocument:
    """What a run would execute; raises the same errors as `plan_pipeline`.

    Args:
        pipeline: the pipeline.
        run_config: its config.
        mode: the name of the mode; None for the first.
        preset: the name of a preset, onto which the config is merged; None for none.
        refresh: steps to execute whatever is stored.
        memoize: whether the run would be memoized; None to let the pipeline's tags decide.
        select: queries for the solids of the run; all by default.
    """
    tags = {**pipeline.tags, **(pipeline.get_preset(preset).tags if preset else {})}
    is_memoized = tags.get(MEMOIZED_RUN_TAG, "").lower() == "true" if memoize is None else memoize
    with advising_presets(pipeline, preset), DagsterInstance.get() as instance:
        planned = plan_pipeline(
            pipeline, run_config, mode, preset, solid_selection=select, instance=instance, refresh=refresh
        )
        if not is_memoized:
            steps = [Explanation(each.step_key, "would run", (_NOT_MEMOIZED,)) for each in planned.versioned.steps]
            return PlanDocument(planned.pipeline_name, False, steps)
        run = planned_run(planned.versioned, planned.memoized, planned.step_keys_to_execute)
        return PlanDocument(
            planned.pipeline_name, True, explain_steps(instance, planned.pipeline_name, run, list(run.steps))
        )


def show_plan(planned: PlanDocument, is_verbose: bool) -> None:
    """Shows to people what a run would execute."""
    if planned.is_memoized:
        show_explanations(f"{planned.pipeline_name}, if run memoized now", planned.steps, is_verbose)
    else:
        message = f"All {len(planned.steps)} steps would run, since {_NOT_MEMOIZED}."
        say(f"{message} With --memoize, steps whose values are stored are skipped.")
