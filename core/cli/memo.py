"""`cloudstore memo`: lists and wipes the values that memoized runs find again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click

from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, pipeline_options, verbose_option
from core.cli.output.removals import show_removals
from core.cli.output.values import count_and_size, note_kept, note_unknown_steps, show_values
from core.cli.quantities import age, size
from core.execution.memo.managers import memoizable_managers
from core.instance import DagsterInstance, persistent_instance
from core.retention.wipe import (
    ManagedVersion,
    Selection,
    VersionFilter,
    WipeCriteria,
    list_versions,
    select_versions,
    wipe_versions,
)
from core.views.values import report_values


@click.group()
def memo() -> None:
    """List and wipe the values that memoized runs find again.

    The IO managers of a pipeline determine where to look. If several pipelines share a place, the values of all of
    them are shown.
    """


def _no_empty_text(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if "" in values:  # an unset shell variable must not select everything
        raise click.BadParameter("must not be empty.", ctx, param)
    return values


def _prefixes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value.lower() for value in _no_empty_text(ctx, param, values))


def _filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates with the options of a `VersionFilter`."""
    step = click.option(
        "--step", "steps", multiple=True, metavar="STEP", callback=_no_empty_text,
        help="Only values of this step. May be given several times.",
    )  # fmt: skip
    version = click.option(
        "--version", "versions", multiple=True, metavar="PREFIX", callback=_prefixes,
        help="Only versions that begin with this. May be given several times.",
    )  # fmt: skip
    return step(version(command))


@memo.command("list")
@pipeline_options
@_filter_options
@verbose_option
def list_values(chosen: ChosenPipeline, steps: Sequence[str], versions: tuple[str, ...], is_verbose: bool) -> None:
    """List the stored values, and how many runs used each.

    Only runs of the instance in $DAGSTER_HOME are counted.

    If the output is not a terminal, each value is a line of JSON: step_key, output_name, mapping_key, version, address,
    size_bytes, stored_at, used_by_runs.

    \b
    Example:
      cloudstore memo list -f pipeline.py --mode s3 -c s3.yaml --step clean
    """
    wanted = VersionFilter(steps, versions)
    with clear_failures(chosen.placed), _stored_versions(chosen) as (instance, stored):
        show_values(
            report_values(instance, [each.stored for each in stored if wanted.matches(each.stored)]), is_verbose
        )
        note_unknown_steps(stored, steps)


@memo.command("wipe")
@pipeline_options
@_filter_options
@click.option("--older-than", type=age, metavar="AGE", help="Only values stored longer ago than this, such as 30d.")
@click.option(
    "--to-size", type=size, metavar="SIZE",
    help="Only the oldest, until the values that match --step and --version take no more than this, such as 10GB.",
)  # fmt: skip
@click.option("--used", is_flag=True, help="Also values that runs of the instance used.")
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def wipe(
    chosen: ChosenPipeline,
    steps: Sequence[str],
    versions: tuple[str, ...],
    older_than: timedelta | None,
    to_size: int | None,
    used: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete the values that meet all of the given criteria.

    The next run that needs a deleted value computes it again.

    A value that a run of the instance stored or found is kept as long as the run is, unless --used is given. A value
    that a run in progress uses is never deleted and, while there is such a run, neither is any value stored within the
    last hour.

    Runs of other instances that share the place are not known here. Therefore a value that no run of this instance
    used is kept for a day, unless --older-than is given. A run elsewhere that has found a value but not loaded it yet
    computes it again if it is deleted, so use --older-than if a place is shared.

    If the output is not a terminal, each deleted value is a line of JSON: kind, name, size_bytes.

    \b
    Examples:
      cloudstore memo wipe -f pipeline.py --older-than 30d --dry-run
      cloudstore memo wipe -f pipeline.py --to-size 10GB --yes
      cloudstore memo wipe -f pipeline.py --step clean --version 5c1f --used
    """
    if not (steps or versions or older_than is not None or to_size is not None):
        raise click.UsageError("Select values with --step, --version, --older-than or --to-size.")
    now = datetime.now(UTC)
    stored_before = None if older_than is None else now - older_than
    criteria = WipeCriteria(VersionFilter(steps, versions), stored_before, to_size, used)
    with clear_failures(chosen.placed), _stored_versions(chosen) as (instance, stored):
        selection = select_versions(instance, stored, criteria, now)
        if selection.to_wipe and not (dry_run or yes):
            _confirm(selection)
        show_removals(wipe_versions(instance, selection.to_wipe, criteria, now, dry_run), dry_run)
        note_kept(selection, criteria)
        note_unknown_steps(stored, steps)


@contextmanager
def _stored_versions(chosen: ChosenPipeline) -> Iterator[tuple[DagsterInstance, list[ManagedVersion]]]:
    """The instance, and everything that the pipeline's IO managers have stored; both are usable within the block."""
    pipeline = chosen.load()
    asked = chosen.asked(pipeline)
    with (
        persistent_instance() as instance,
        memoizable_managers(pipeline, asked.mode, asked.run_config or {}, instance) as managers,
    ):
        yield instance, list_versions(managers)


def _confirm(selection: Selection) -> None:
    what = count_and_size(each.stored.size_bytes for each in selection.to_wipe)
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nothing was deleted. Add --yes to delete {what}, or --dry-run to list them.")
    click.confirm(f"Delete {what}?", abort=True)
