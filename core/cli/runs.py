"""`cloudstore runs`: lists, shows, deletes and cancels runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from core.cli.failures import clear_failures
from core.cli.loading import find_run
from core.cli.options import json_option, verbose_option
from core.cli.output.removals import show_removals
from core.cli.output.runs import queue_table, run_table, runs_table, ways_to_look
from core.cli.output.terminal import cell, draw, json_document, say
from core.errors import DagsterInvariantViolationError
from core.instance import DagsterInstance, persistent_instance
from core.instance.stopping import ask_to_stop, wait_until_stopped
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.records.tags import EVENTS_PRUNED_TAG
from core.views.documents import RunsDocument, document_run
from core.views.prices import prices_from
from core.views.queue import queue_of
from core.views.run_summaries import summarize_runs
from core.views.runs import process_of, read_run

_LOOK_SECONDS = 0.1


@click.group(invoke_without_command=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Maximum number of runs.")
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option(
    "--status", type=click.Choice([status.value for status in PipelineRunStatus]), help="Only runs with this status."
)
@json_option
@verbose_option
@click.pass_context
def runs(
    context: click.Context, limit: int, pipeline: str | None, status: str | None, as_json: bool, is_verbose: bool
) -> None:
    """List the runs of the instance in $DAGSTER_HOME, newest first: how long each took, and what it executes now."""
    if context.invoked_subcommand is not None:
        return
    with clear_failures(), json_document(as_json) as document, persistent_instance() as instance:
        statuses = (PipelineRunStatus(status),) if status else None
        records = instance.get_run_records(PipelineRunsFilter(pipeline_name=pipeline, statuses=statuses), limit=limit)
        summaries = summarize_runs(instance, records, datetime.now(UTC))
        if as_json:
            document(RunsDocument(summaries))
        else:
            draw(runs_table(summaries, is_verbose) if summaries else cell("No runs."))


@runs.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--prices",
    "prices_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with your prices in dollars: per_1000_writes, per_1000_reads, per_gb_sent, per_gb_received.",
)
@json_option
def show(run_id: str, prices_file: Path | None, as_json: bool) -> None:
    """Show the steps of a run, with their S3 requests and about what these cost.

    RUN is the run's id, or the beginning of it. Without --prices, the prices are those of the setting `prices` in
    dagster.yaml or, if there is none, those of AWS in us-east-1.
    """
    with clear_failures(), json_document(as_json) as document, persistent_instance() as instance:
        prices = prices_from(prices_file, instance.settings)
        run = find_run(instance, run_id)
        if as_json:
            document(document_run(instance, run, read_run(instance, run.run_id)))
            return
        title = f"{run.pipeline_name}, run {run.run_id}: {run.status.value}"
        if EVENTS_PRUNED_TAG in run.tags:
            say(f"{title}. Its events were pruned ({run.tags[EVENTS_PRUNED_TAG]}).")
            return
        report = read_run(instance, run.run_id)
        draw(run_table(title, report, prices))
        process = process_of(instance, run)
        if process is not None:
            say(process)
        for sentence in (*report.failures, *report.hook_errors):
            say(sentence)
        for traceback in report.tracebacks:
            say(f"\n{traceback}")
        looks = ways_to_look(run.run_id, report, is_shown=True)
        if looks:
            say("\n" + "\n".join(looks))


@runs.command()
@click.argument("run_id", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
def delete(run_id: str, dry_run: bool) -> None:
    """Delete a run and everything that belongs to it.

    That is its record, its events, its compute logs, and its values and files on the local disk. RUN is the run's id,
    or the beginning of it. If the output is not a terminal, each deleted thing is a line of JSON: kind, name,
    size_bytes.
    """
    with clear_failures(), persistent_instance() as instance:
        show_removals(instance.delete_run(find_run(instance, run_id).run_id, dry_run), dry_run)


@runs.command()
@click.argument("run_id", metavar="RUN")
@click.option("--force", is_flag=True, help="Mark a run as cancelled whose process is gone, or is on another machine.")
@click.option(
    "--wait", "wait_seconds", default=60, show_default=True, type=click.IntRange(min=0),
    help="How many seconds the run has to end.",
)  # fmt: skip
def cancel(run_id: str, force: bool, wait_seconds: int) -> None:
    """Stop a run.

    A run that waits is not launched. If its process is alive on this machine, or the run launcher reaches it, it is
    asked to end the run, as by SIGTERM: the run puts its resources away, and is CANCELED. A process that has died is
    not reached. With --force such a run is marked as cancelled, and can be deleted. RUN is the run's id, or the
    beginning of it.
    """
    with clear_failures(), persistent_instance() as instance:
        run = find_run(instance, run_id)
        process = instance.running_runs.living().get(run.run_id)
        if process is not None:
            say(f"Run {run.run_id} is executed by process {process.pid}, which is asked to stop.")
            ask_to_stop(instance, run, process)
            ended = wait_until_stopped(instance, run, process, wait_seconds)
        elif instance.cancel_waiting_run(run.run_id) or _terminated(instance, run, wait_seconds):
            ended = instance.get_existing_run(run.run_id)
        elif run.status not in IN_PROGRESS_STATUSES:
            raise DagsterInvariantViolationError(f"Run {run.run_id} is not in progress: it is {run.status.value}.")
        elif not force:
            raise DagsterInvariantViolationError(
                f"Run {run.run_id} is {run.status.value}, and no process of this machine executes it. If its process "
                f"is gone, say so with `cloudstore runs cancel {run.run_id} --force`; else cancel it on its machine."
            )
        else:
            instance.report_run_canceled(run, "The run was marked as cancelled by `cloudstore runs cancel --force`.")
            ended = instance.get_existing_run(run.run_id)
        say(f"Run {run.run_id} was {run.status.value} and is {ended.status.value}.")


def _terminated(instance: DagsterInstance, run: PipelineRun, seconds: float) -> bool:
    """Has the run launcher end a run, and waits until it has ended; False where the launcher does not reach it."""
    if run.is_finished or not instance.can_terminate_run(run.run_id) or not instance.terminate_run(run.run_id):
        return False
    say(f"Run {run.run_id} was launched, and is asked to stop.")
    deadline = time.monotonic() + seconds
    while not instance.get_existing_run(run.run_id).is_finished:
        if time.monotonic() > deadline:
            raise DagsterInvariantViolationError(
                f"Run {run.run_id} still runs after {seconds:g} s. Wait for it, or end its process."
            )
        time.sleep(_LOOK_SECONDS)
    return True


@runs.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1), help="Maximum number of runs.")
def queue(limit: int) -> None:
    """List the runs that wait, in the order in which they are launched, and what holds each of them."""
    with clear_failures(), persistent_instance() as instance:
        waiting = queue_of(instance, limit)
        draw(queue_table(waiting) if waiting else cell("No run waits."))
