"""`cloudstore instance`: keeping an instance small, and its databases up to date."""

from __future__ import annotations

from itertools import chain, islice

import click

from core.cli.failures import clear_failures
from core.cli.output.removals import show_removals
from core.instance import persistent_instance, persistent_ref
from core.instance.migrate import migrate_instance
from core.records.schema_migration import Migration
from core.retention.prune import has_limits
from core.retention.prune import prune as prune_instance


@click.group()
def instance() -> None:
    """Look after the instance in $DAGSTER_HOME."""


@instance.command()
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
def prune(dry_run: bool) -> None:
    """Delete what dagster.yaml does not keep, and what killed processes left.

    Its section `retention:` says for how long, and how many. Runs that have not ended are never touched. Values are
    those on the local disk that no run refers to; values in buckets are left alone: give the bucket a lifecycle rule.

    A process that was killed while it uploaded a large object leaves the parts in the bucket, where they cost. Those of
    this machine's dead processes are always deleted.

    Where the output is no terminal, each thing is a line of JSON: kind, name, size_bytes.

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
            message = "Nothing is deleted: the section `retention:` of $DAGSTER_HOME/dagster.yaml sets no limits."
            click.echo(f"{message} `cloudstore instance prune --help` shows one.", err=True)


@instance.command()
def migrate() -> None:
    """Bring the databases to the form that this release needs.

    No other process may use the instance meanwhile. SQLite databases are copied first; of others, make a backup
    before.
    """
    with clear_failures():
        done = migrate_instance(persistent_ref())
        for migration in done:
            click.echo(_told(migration))
        if not done:
            click.echo("Every database is up to date.")


def _told(migration: Migration) -> str:
    backup = f"backup: {migration.backup}" if migration.backup else "no backup was made"
    return f"{migration.database}: {migration.schema} {migration.before} -> {migration.after} ({backup})"
