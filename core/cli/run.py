"""`cloudstore run`: runs a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from core.api import execute_pipeline, reexecute_pipeline
from core.cli.executing import loading_beside, with_processes
from core.cli.failures import advising_presets, clear_failures
from core.cli.loading import find_run
from core.cli.options import (
    ChosenPipeline,
    json_option,
    options_around_pipeline,
    refresh_option,
    select_option,
    verbose_option,
)
from core.cli.output.progress import show_progress
from core.cli.output.runs import run_table, ways_to_look
from core.cli.output.terminal import draw, json_document, say
from core.cli.plan import plan_of, show_plan
from core.definitions.pipeline import PipelineDefinition
from core.execution.results import PipelineExecutionResult
from core.instance import DagsterInstance, persistent_instance
from core.loading.pipelines import load_recorded
from core.plan.selection import select_solids
from core.views.documents import document_run
from core.views.runs import read_run, report_run

Document = Callable[[object], None]
"""Takes the record that is printed as JSON."""


@click.command()
@options_around_pipeline
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
@click.option(
    "--resume",
    metavar="RUN",
    help="Go on after this run, whose process was killed or which failed: execute only what it has not stored.",
)
@json_option
@verbose_option
def run(
    chosen: ChosenPipeline,
    memoize: bool | None,
    refresh: tuple[str, ...],
    select: tuple[str, ...],
    processes: int | None,
    dry_run: bool,
    resume: str | None,
    as_json: bool,
    is_verbose: bool,
) -> None:
    """Run a pipeline.

    If $DAGSTER_HOME is set, the run is kept in the instance there, for `cloudstore runs` and `cloudstore logs`.

    \b
    Examples:
      cloudstore run -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
      cloudstore run -f pipeline.py -a flights --resume 5c1f2a
    """
    if resume is not None:
        _check_resumes(chosen, refresh, select, dry_run)
    else:
        chosen.check_named()
    with clear_failures(chosen.placed), json_document(as_json) as document:
        if dry_run:
            run_config = _run_config(chosen, processes)
            planned = plan_of(chosen.load(), run_config, chosen.mode, chosen.preset, refresh, memoize, select)
            document(planned) if as_json else show_plan(planned, is_verbose)
            return
        if resume is not None:
            failure = _resume(chosen, resume, memoize, processes, document if as_json else None)
        else:
            failure = _run(chosen, memoize, refresh, select, processes, document if as_json else None)
    if failure is not None:
        raise click.ClickException(failure)


def _run(
    chosen: ChosenPipeline,
    memoize: bool | None,
    refresh: tuple[str, ...],
    select: tuple[str, ...],
    processes: int | None,
    document: Document | None,
) -> str | None:
    run_config = _run_config(chosen, processes)
    with loading_beside(chosen, run_config):
        pipeline = chosen.load()
        solids = select or (pipeline.get_preset(chosen.preset).solid_selection if chosen.preset else None)
        execute = partial(
            execute_pipeline,
            pipeline,
            run_config,
            chosen.mode,
            chosen.preset,
            solid_selection=select,
            memoize=memoize,
            refresh=refresh,
        )
        with advising_presets(pipeline, chosen.preset), DagsterInstance.get() as instance:
            return _execute(pipeline, solids, instance, execute, document)


def _run_config(
    chosen: ChosenPipeline, processes: int | None, below: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    run_config = chosen.run_config(below)
    return run_config if processes is None else with_processes(run_config, processes)


def _check_resumes(chosen: ChosenPipeline, refresh: Sequence[str], select: Sequence[str], is_dry: bool) -> None:
    given = {"--refresh": refresh, "--select": select, "--preset": chosen.preset, "--dry-run": is_dry}
    wrong = [option for option, value in given.items() if value]
    if wrong:
        raise click.UsageError(
            f"--resume goes on with what the run was to do; leave out {' and '.join(wrong)}. -c and --set change its "
            "run config."
        )


def _resume(
    chosen: ChosenPipeline, run_id: str, memoize: bool | None, processes: int | None, document: Document | None
) -> str | None:
    with persistent_instance() as instance:
        parent = find_run(instance, run_id)
        pipeline = chosen.load() if chosen.is_named else load_recorded(parent)
        run_config = _run_config(chosen, processes, parent.run_config)
        execute = partial(
            reexecute_pipeline,
            pipeline,
            parent.run_id,
            run_config,
            mode=chosen.mode,
            resume=True,
            memoize=memoize,
        )
        return _execute(pipeline, sorted(parent.solids_to_execute or ()), instance, execute, document)


def _execute(
    pipeline: PipelineDefinition,
    solids: Sequence[str] | None,
    instance: DagsterInstance,
    execute: Callable[..., PipelineExecutionResult],
    document: Document | None,
) -> str | None:
    """Executes a run and shows it, in a document where there is one; returns what failed it, for people."""
    step_keys = select_solids(pipeline, solids) if solids else [solid.key for solid in pipeline.leaves]
    with show_progress(instance, len(step_keys)) as progress:
        result = execute(instance=instance, raise_on_error=False, on_event=progress.on_event)
    report = report_run(result.event_list, step_keys)
    if document is not None:
        stored = read_run(instance, result.run_id, step_keys)
        document(document_run(instance, instance.get_existing_run(result.run_id), stored))
    else:
        draw(run_table(f"{pipeline.name}, run {result.run_id}", report))
    looks = () if result.success or instance.is_ephemeral else ways_to_look(result.run_id, report)
    for hook_error in report.hook_errors:
        say(hook_error, err=True)
    return None if result.success else "\n  ".join([*report.failures, *looks])
