"""`cloudstore plan`: what a memoized run would execute, and why, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from core.api import plan_pipeline
from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, pipeline_options, refresh_option
from core.cli.output.explanations import show_explanations
from core.definitions.pipeline import PipelineDefinition
from core.events.payloads import VersionedStep
from core.execution.memo.preview import PlannedRun
from core.instance import DagsterInstance
from core.records.tags import MEMOIZED_RUN_TAG
from core.versions.differences import inputs_from_outputs
from core.versions.explain import MemoizedRun, Outcome
from core.views.explanations import explain_steps


@click.command()
@pipeline_options
@refresh_option
@click.option(
    "--json", "as_json", is_flag=True, help="A JSON object a line: step_key, outcome, reasons, compared_with."
)
def plan(chosen: ChosenPipeline, refresh: tuple[str, ...], as_json: bool) -> None:
    """Say what a memoized run would execute, and why. Nothing is executed, and nothing recorded.

    Steps are compared with runs of the instance in $DAGSTER_HOME, as `cloudstore explain` does it.

    Where the output is no terminal, each step is a line: step, outcome, reasons and the other run, with tabs between.

    \b
    Example:
      cloudstore plan -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures():
        show_plan(chosen.load(), chosen.run_config(), chosen.mode, refresh, as_json=as_json)


def show_plan(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any],
    mode: str | None,
    refresh: Sequence[str],
    memoize: bool | None = True,
    as_json: bool = False,
) -> None:
    """Shows what a run would execute; see `plan_pipeline` for what is raised.

    Args:
        pipeline: the pipeline.
        run_config: its config.
        mode: the name of the mode; None for the first.
        refresh: steps that are to be executed whatever is stored.
        memoize: whether the run would be memoized; None for what the pipeline's tags say.
        as_json: a JSON object a line.
    """
    is_memoized = pipeline.tags.get(MEMOIZED_RUN_TAG, "").lower() == "true" if memoize is None else memoize
    with DagsterInstance.get() as instance:
        planned = plan_pipeline(pipeline, run_config, mode, instance=instance, refresh=refresh)
        if not is_memoized:
            message = f"All {len(planned.versioned.steps)} steps would run: the run would not be memoized."
            click.echo(f"{message} With --memoize those are skipped whose values are stored.")
            return
        run = MemoizedRun(None, planned.versioned, _outcomes(planned), planned.memoized)
        explanations = explain_steps(instance, planned.pipeline_name, run, list(run.steps))
    show_explanations(f"{planned.pipeline_name}, as a memoized run now", explanations, as_json)


def _outcomes(planned: PlannedRun) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = dict.fromkeys(planned.memoized, "hit")
    to_execute = set(planned.step_keys_to_execute)
    not_given = {
        str(output.handle(key))
        for key, data in planned.memoized.items()
        for output in data.outputs
        if not output.is_given
    }
    for step in planned.versioned.steps:
        if step.step_key in to_execute:
            is_skipped = _is_skipped(step, not_given)
            outcomes[step.step_key] = "would be skipped" if is_skipped else "would run"
            not_given |= {f"{step.step_key}.{name}" for name in step.outputs} if is_skipped else set()
    return outcomes


def _is_skipped(step: VersionedStep, not_given: set[str]) -> bool:
    """Whether an input has nothing to take, as it is stored that what feeds it was not given."""
    return any(set(outputs) <= not_given for outputs in inputs_from_outputs(step.facts))
