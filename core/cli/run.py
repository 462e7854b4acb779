"""`cloudstore run`: runs a pipeline."""

from __future__ import annotations

import click

from core.api import execute_pipeline
from core.cli.executing import with_processes
from core.cli.failures import advising_presets, clear_failures
from core.cli.options import (
    ChosenPipeline,
    json_option,
    pipeline_options,
    refresh_option,
    select_option,
    verbose_option,
)
from core.cli.output.progress import show_progress
from core.cli.output.runs import run_table, ways_to_look
from core.cli.output.terminal import draw, json_document, say
from core.cli.plan import plan_of, show_plan
from core.instance import DagsterInstance
from core.plan.selection import select_solids
from core.views.documents import document_run
from core.views.runs import read_run, report_run


@click.command()
@pipeline_options
@click.option(
    "--memoize/--no-memoize", default=None,
    help="Whether to skip steps whose outputs are stored already; by default the pipeline's tags decide.",
)  # fmt: skip
@refresh_option
@select_option
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    metavar="N",
    help="Execute N steps at a time, each in a process of its own; 0 for one a processor. "
    "Short for the executor `multiprocess` with this max_concurrent.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be executed and why, like `cloudstore plan`.")
@json_option
@verbose_option
def run(
    chosen: ChosenPipeline,
    memoize: bool | None,
    refresh: tuple[str, ...],
    select: tuple[str, ...],
    processes: int | None,
    dry_run: bool,
    as_json: bool,
    is_verbose: bool,
) -> None:
    """Run a pipeline.

    If $DAGSTER_HOME is set, the run is kept in the instance there, for `cloudstore runs` and `cloudstore logs`.

    \b
    Example:
      cloudstore run -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures(chosen.placed), json_document(as_json) as document:
        pipeline = chosen.load()
        run_config = chosen.run_config() if processes is None else with_processes(chosen.run_config(), processes)
        if dry_run:
            planned = plan_of(pipeline, run_config, chosen.mode, chosen.preset, refresh, memoize, select)
            document(planned) if as_json else show_plan(planned, is_verbose)
            return
        solids = select or (pipeline.get_preset(chosen.preset).solid_selection if chosen.preset else None)
        step_keys = select_solids(pipeline, solids) if solids else [solid.key for solid in pipeline.leaves]
        with advising_presets(pipeline, chosen.preset), DagsterInstance.get() as instance:
            with show_progress(instance, len(step_keys)) as progress:
                result = execute_pipeline(
                    pipeline,
                    run_config,
                    chosen.mode,
                    chosen.preset,
                    solid_selection=select,
                    instance=instance,
                    raise_on_error=False,
                    memoize=memoize,
                    refresh=refresh,
                    on_event=progress.on_event,
                )
            report = report_run(result.event_list, step_keys)
            if as_json:
                stored = read_run(instance, result.run_id, step_keys)
                document(document_run(instance, instance.get_existing_run(result.run_id), stored))
            else:
                draw(run_table(f"{pipeline.name}, run {result.run_id}", report))
            looks = () if result.success or instance.is_ephemeral else ways_to_look(result.run_id, report)
            for hook_error in report.hook_errors:
                say(hook_error, err=True)
    if not result.success:
        raise click.ClickException("\n  ".join([*report.failures, *looks]))
