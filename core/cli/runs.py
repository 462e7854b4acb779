"""`cloudstore runs`: looking at runs that were, and deleting them."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from core.cli.failures import clear_failures
from core.cli.output.prices import prices_from
from core.cli.output.removals import show_removals
from core.cli.output.report import failures, run_table
from core.errors import DagsterInvariantViolationError, DagsterRunNotFoundError
from core.instance import DagsterInstance, persistent_instance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.records.tags import EVENTS_PRUNED_TAG

_SHORT_ID = 8  # enough to tell runs apart, and every command takes the beginning of an id
_STATUS_STYLES = {PipelineRunStatus.SUCCESS: "green", PipelineRunStatus.FAILURE: "red"}


@click.group(invoke_without_command=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many at most.")
@click.option("--pipeline", help="Only runs of this pipeline.")
@click.option("--status", type=click.Choice([status.value for status in PipelineRunStatus]), help="Only runs in it.")
@click.pass_context
def runs(context: click.Context, limit: int, pipeline: str | None, status: str | None) -> None:
    """List the runs of the instance in $DAGSTER_HOME, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with clear_failures(), persistent_instance() as instance:
        statuses = (PipelineRunStatus(status),) if status else None
        records = instance.get_run_records(PipelineRunsFilter(pipeline_name=pipeline, statuses=statuses), limit=limit)
        table = Table()
        for column in ("run", "pipeline", "mode", "status", "started"):
            table.add_column(column, no_wrap=True)
        for record in records:
            run = record.pipeline_run
            shown = f"[{_STATUS_STYLES.get(run.status, 'yellow')}]{run.status.value}[/]"
            started = record.create_timestamp.astimezone().strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(run.run_id[:_SHORT_ID], run.pipeline_name, run.mode, shown, started)
        Console().print(table if records else "No runs.")


@runs.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--prices",
    "prices_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with your prices in dollars: per_1000_writes, per_1000_reads, per_gb_sent, per_gb_received.",
)
def show(run_id: str, prices_file: Path | None) -> None:
    """Show the steps of a run, with what they asked of S3 and about what that costs.

    RUN is the run's id, or the beginning of it. Without --prices, those of the setting `prices` in dagster.yaml hold,
    or those of AWS in us-east-1.
    """
    with clear_failures(), persistent_instance() as instance:
        prices = prices_from(prices_file, instance.settings)
        run = find_run(instance, run_id)
        entries = instance.all_logs(run.run_id)
        events = [entry.dagster_event for entry in entries if entry.dagster_event]
        step_keys = dict.fromkeys(entry.step_key for entry in entries if entry.step_key)
        title = f"{run.pipeline_name}, run {run.run_id}: {run.status.value}"
        if EVENTS_PRUNED_TAG in run.tags:
            click.echo(f"{title}. Its events were pruned ({run.tags[EVENTS_PRUNED_TAG]}).")
            return
        Console().print(run_table(title, events, step_keys, prices))
        for sentence in failures(events):
            click.echo(sentence)
        for entry in entries:
            if entry.error_info is not None and entry.error_info.traceback:
                click.echo(f"\n{entry.error_info.traceback}")


@runs.command()
@click.argument("run_id", metavar="RUN")
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
def delete(run_id: str, dry_run: bool) -> None:
    """Delete all of a run.

    That is its record, events, compute logs, and its values and files on the local disk. RUN is its id, or the
    beginning of it. Where the output is no terminal, each thing that went is a line of JSON: kind, name, size_bytes.
    """
    with clear_failures(), persistent_instance() as instance:
        show_removals(instance.delete_run(find_run(instance, run_id).run_id, dry_run), dry_run)


@runs.command()
@click.argument("run_id", metavar="RUN")
def cancel(run_id: str) -> None:
    """Mark a run as cancelled whose process is gone.

    After that it can be deleted. RUN is its id, or the beginning of it. A process that is still at work is not stopped
    by this.
    """
    with clear_failures(), persistent_instance() as instance:
        run = find_run(instance, run_id)
        if run.status not in IN_PROGRESS_STATUSES:
            raise DagsterInvariantViolationError(f"Run {run.run_id} is not in progress: it is {run.status.value}.")
        instance.report_run_canceled(run, "The run was marked as cancelled by `cloudstore runs cancel`.")
        click.echo(f"Run {run.run_id} was {run.status.value} and is CANCELED.")


def find_run(instance: DagsterInstance, run_id: str) -> PipelineRun:
    """The run with that id, or the only one whose id begins so; raises DagsterRunNotFoundError otherwise."""
    run = instance.get_run_by_id(run_id)
    if run is not None:
        return run
    begins_so = PipelineRunsFilter(run_id_prefix=run_id)
    matches = instance.get_runs(begins_so, limit=2)
    if len(matches) == 1 and run_id:  # where a variable of a shell was not set, the only run is not meant
        return matches[0]
    problem = "No run has an id that begins with"
    if matches:
        count = instance.get_runs_count(begins_so)
        problem = f"{count} runs have ids that begin with" if count > 1 else "1 run has an id that begins with"
    raise DagsterRunNotFoundError(f"{problem} {run_id!r}; `cloudstore runs` lists them.", run_id)
