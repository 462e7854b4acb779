"""`cloudstore instance`: keeps an instance small and its databases up to date."""

from __future__ import annotations

from itertools import chain, islice

import click

from core.cli.failures import clear_failures
from core.cli.output.removals import show_removals
from core.cli.output.terminal import say
from core.instance import persistent_instance, persistent_ref
from core.instance.migrate import migrate_instance
from core.records.schema_migration import Migration
from core.retention.prune import has_limits
from core.retention.prune import prune as prune_instance


@click.group()
def instance() -> None:
    """Maintain the instance in $DAGSTER_HOME."""


@instance.command()
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
def prune(dry_run: bool) -> None:
    """Delete what exceeds the retention limits, and what killed processes left.

    The section `retention:` of dagster.yaml sets the limits. Runs that have not ended are never deleted. Values are
    deleted from the local disk if no run uses them; values in buckets are never deleted, so give the bucket a lifecycle
    rule.

    A process that is killed while it uploads a large object leaves the parts in the bucket, which cost money. The parts
    left by dead processes of this machine are always deleted.

    If the output is not a terminal, each deleted thing is a line of JSON: kind, name, size_bytes.

    \b
    Example of dagster.yaml:
      retention:
        runs: {max_age_days: 90}
        events: {max_age_days: 30}
        compute_logs: {max_age_days: 7, max_count: 1000}
        values: {max_age_days: 30}
    """
    with clear_failures(), persistent_instance() as instance:
        removals = prune_instance(instance, dry_run=dry_run)
        first = list(islice(removals, 1))
        if first or has_limits(instance):
            show_removals(chain(first, removals), dry_run)
        else:
            message = "Nothing to delete: $DAGSTER_HOME/dagster.yaml sets no limits in a section `retention:`."
            say(f"{message} `cloudstore instance prune --help` shows an example.", err=True)


@instance.command()
def migrate() -> None:
    """Upgrade the databases to the schema that this release needs.

    No other process may use the instance during the upgrade. SQLite databases are backed up first; back up others
    yourself.
    """
    with clear_failures():
        done = migrate_instance(persistent_ref())
        for migration in done:
            say(_line(migration))
        if not done:
            say("Every database is up to date.")


def _line(migration: Migration) -> str:
    backup = f"backup: {migration.backup}" if migration.backup else "no backup was made"
    return f"{migration.database}: {migration.schema} {migration.before} -> {migration.after} ({backup})"
