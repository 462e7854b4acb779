"""`cloudstore backfill`: runs for many partitions, asked for, followed and cancelled."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Sequence

import click

from core.cli.code_options import workspace_options
from core.cli.failures import clear_failures
from core.cli.known_jobs import instance_and_code, named, partition_sets_of
from core.cli.output.schedules import backfills_table, partitions_table
from core.cli.output.terminal import cell, draw, say
from core.code_servers import Workspace
from core.config import unknown_name
from core.errors import DagsterInvariantViolationError
from core.instance import DagsterInstance, persistent_instance
from core.records.backfill import BackfillPartition, BackfillPartitionStatus, BulkActionStatus, PartitionBackfill
from core.records.origin import ExternalPartitionSetOrigin
from core.records.pipeline_run import PipelineRunsFilter
from core.records.tags import BACKFILL_ID_TAG, PRIORITY_TAG
from core.wording import counted

_ID = click.argument("backfill_id", metavar="BACKFILL")


@click.group()
def backfill() -> None:
    """Run a pipeline for many partitions of a set.

    The runs are submitted by `cloudstore daemon run`, after those that schedules and people ask for.
    """


@backfill.command()
@click.argument("partition_set", metavar="PARTITION_SET")
@click.option("--partitions", metavar="A,B,...", help="These partitions.")
@click.option("--from", "first", metavar="A", help="Partitions from this one on.")
@click.option("--to", "last", metavar="B", help="Partitions up to this one.")
@click.option("--all", "is_all", is_flag=True, help="All partitions.")
@click.option("--name", "backfill_id", help="The name of the backfill; drawn by default.")
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the runs. May be given several times."
)
@click.option("--priority", type=int, default=-1, show_default=True, help="Their priority in the queue.")
@click.option("--from-failure", is_flag=True, help="Go on with the last run of each partition, where that failed.")
@click.option("--steps", metavar="A,B,...", help="Execute only these steps, on the last run of each partition.")
@workspace_options
def run(
    workspace: Callable[[], Workspace],
    partition_set: str,
    partitions: str | None,
    first: str | None,
    last: str | None,
    is_all: bool,
    backfill_id: str | None,
    tags: Sequence[str],
    priority: int,
    from_failure: bool,
    steps: str | None,
) -> None:
    """Ask for a run for each of some partitions.

    \b
    Example:
      cloudstore backfill run every_day_partitions -f shop.py --from 2021-05-01 --to 2021-05-31
    """
    ways = [partitions is not None, first is not None or last is not None, is_all]
    if sum(ways) != 1:
        raise click.UsageError("Say which partitions: --partitions A,B, or --from A and --to B, or --all.")
    given_tags = dict(_tag(each) for each in tags)
    with instance_and_code(workspace) as (instance, code):
        placed, found = named("partition set", partition_set, partition_sets_of(code))
        known = placed.location.partition_names(placed.repository.name, found.name)
        chosen = _chosen(known, None if partitions is None else partitions.split(","), first, last)
        asked = PartitionBackfill(
            backfill_id or secrets.token_hex(4),
            ExternalPartitionSetOrigin(placed.repository.origin, found.name),
            BulkActionStatus.REQUESTED,
            tuple(chosen),
            from_failure,
            None if steps is None else tuple(steps.split(",")),
            {PRIORITY_TAG: str(priority), **given_tags},
            instance.schedules.now(),
        )
        instance.add_backfill(asked)
        count = counted(len(chosen), "partition")
        say(f"Backfill {asked.backfill_id} is asked for: {count} of {found.name!r}, {chosen[0]} to {chosen[-1]}.")
        say(f"Follow it with: cloudstore backfill status {asked.backfill_id}")


@backfill.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Maximum number of backfills.")
def list_backfills(limit: int) -> None:
    """List the backfills of the instance in $DAGSTER_HOME, newest first."""
    with clear_failures(), persistent_instance() as instance:
        found = instance.get_backfills(limit=limit)
        submitted = [
            len(instance.schedules.get_backfill_partitions(each.backfill_id, BackfillPartitionStatus.SUBMITTED))
            for each in found
        ]
        draw(backfills_table(found, submitted) if found else cell("No backfills."))


@backfill.command()
@_ID
def status(backfill_id: str) -> None:
    """Show each partition of a backfill, and how its run is."""
    with clear_failures(), persistent_instance() as instance:
        found = _existing(instance, backfill_id)
        runs = instance.get_runs(PipelineRunsFilter(tags={BACKFILL_ID_TAG: backfill_id}))
        statuses = {run.run_id: run.status.value for run in runs}
        partitions = instance.schedules.get_backfill_partitions(backfill_id)
        shown = [statuses.get(each.run_id) or _without_run(each, found) for each in partitions]
        draw(partitions_table(partitions, shown))
        say(f"Backfill {backfill_id} of {found.partition_set_name!r} is {found.status.value}.")
        if found.error is not None:
            say(found.error.message.strip())
            if found.error.traceback:
                say(found.error.to_string())


@backfill.command()
@_ID
def cancel(backfill_id: str) -> None:
    """Cancel a backfill: no further run is submitted, and those that wait are not launched. Others go on."""
    with clear_failures(), persistent_instance() as instance:
        count = instance.cancel_backfill(_existing(instance, backfill_id).backfill_id)
        say(f"Backfill {backfill_id} is cancelled; {count} of its runs waited, and are not launched.")


def _existing(instance: DagsterInstance, backfill_id: str) -> PartitionBackfill:
    found = instance.get_backfill(backfill_id)
    if found is None:
        known = [each.backfill_id for each in instance.get_backfills(limit=100)]
        raise DagsterInvariantViolationError(unknown_name("backfill", backfill_id, known))
    return found


def _chosen(known: Sequence[str], names: Sequence[str] | None, first: str | None, last: str | None) -> list[str]:
    for name in (*(names or ()), first, last):
        if name is not None and name not in known:
            raise DagsterInvariantViolationError(_unknown(name, known))
    if names is not None:
        return list(dict.fromkeys(names))
    begin = 0 if first is None else known.index(first)
    end = len(known) if last is None else known.index(last) + 1
    if begin >= end:
        raise DagsterInvariantViolationError(
            f"No partition is from {first!r} to {last!r}; the set has {len(known)} partitions."
        )
    return list(known[begin:end])


def _unknown(name: str, known: Sequence[str]) -> str:
    span = f"; it has {len(known)}, {known[0]} to {known[-1]}" if known else ", and no other"
    close = difflib.get_close_matches(name, known, 1)
    return f"The set has no partition {name!r}{span}.{f' Did you mean {close[0]!r}?' if close else ''}"


def _tag(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise click.UsageError(f"--tag expects KEY=VALUE; got {text!r}.")
    return key, value


def _without_run(partition: BackfillPartition, backfill: PartitionBackfill) -> str:
    if partition.status is BackfillPartitionStatus.SUBMITTED:
        return "deleted"
    is_over = backfill.status is not BulkActionStatus.REQUESTED
    is_left = partition.status is BackfillPartitionStatus.REQUESTED
    return "not submitted" if is_over and is_left else partition.status.value
