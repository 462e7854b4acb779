"""`cloudstore memo`: the values that memoized runs find again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click

from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, pipeline_options
from core.cli.output.memo_report import ValueLine, counted, note_kept, note_unknown_steps, show_values
from core.cli.output.removals import show_removals
from core.cli.quantities import age, size
from core.execution.memo.managers import memoizable_managers
from core.execution.prepare import prepare_run
from core.execution.spec import RunSpec
from core.executors import in_process_executor
from core.instance import DagsterInstance, persistent_instance
from core.retention.value_users import count_users
from core.retention.versions import Criteria, Held, Selection, held_by, select
from core.retention.versions import wipe as wipe_versions


@click.group()
def memo() -> None:
    """Look at the values that memoized runs find again, and delete them.

    Where they are is said by the IO managers of a pipeline. A place that several pipelines share is shown whole.
    """


def _no_empty_text(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    if "" in values:  # as where a variable of a shell was not set
        raise click.BadParameter("it is empty.", ctx, param)
    return values


def _prefixes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value.lower() for value in _no_empty_text(ctx, param, values))


def _of_values(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates with the options that say which values."""
    step = click.option(
        "--step", "steps", multiple=True, metavar="STEP", callback=_no_empty_text,
        help="Only values of this step. May be given several times.",
    )  # fmt: skip
    version = click.option(
        "--version", "versions", multiple=True, metavar="PREFIX", callback=_prefixes,
        help="Only versions that begin so. May be given several times.",
    )  # fmt: skip
    return step(version(command))


@memo.command("list")
@pipeline_options
@_of_values
def list_values(chosen: ChosenPipeline, steps: Sequence[str], versions: tuple[str, ...]) -> None:
    """List the stored values, and how many runs used each.

    Runs are those of the instance in $DAGSTER_HOME.

    Where the output is no terminal, each value is a line of JSON: step_key, output_name, mapping_key, version, address,
    size_bytes, stored_at, used_by_runs.

    \b
    Example:
      cloudstore memo list -f pipeline.py --mode s3 -c s3.yaml --step clean
    """
    criteria = Criteria(steps, versions)
    with clear_failures(), _what_is_held(chosen) as (instance, held):
        shown = [each.stored for each in held if criteria.covers(each.stored)]
        users = count_users(instance, [stored.address for stored in shown])
        show_values([ValueLine.of(stored, users[stored.address]) for stored in shown])
        note_unknown_steps(held, steps)


@memo.command("wipe")
@pipeline_options
@_of_values
@click.option("--older-than", type=age, metavar="AGE", help="Only values stored longer ago than this, such as 30d.")
@click.option(
    "--to-size", type=size, metavar="SIZE",
    help="Only the oldest, until of the values of --step and --version at most so much is left, such as 10GB.",
)  # fmt: skip
@click.option("--used", is_flag=True, help="Also values that runs of the instance used.")
@click.option("--dry-run", is_flag=True, help="List exactly what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
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
    """Delete values: those that meet all that is asked for.

    The next run that needs what is gone computes it anew.

    A value that some run of the instance stored or found is kept, as long as the run is; --used deletes it too. What a
    run in progress uses is never deleted, and while there is one nothing that was stored within the last hour is.

    Other instances may use the same place, and their runs are not known here. So a value that no run of this instance
    used is kept for a day, unless --older-than says otherwise. A run elsewhere that has found a value and not loaded it
    yet computes it again when it is deleted. So give the values of a shared place an --older-than.

    Where the output is no terminal, each value that goes is a line of JSON: kind, name, size_bytes.

    \b
    Examples:
      cloudstore memo wipe -f pipeline.py --older-than 30d --dry-run
      cloudstore memo wipe -f pipeline.py --to-size 10GB --yes
      cloudstore memo wipe -f pipeline.py --step clean --version 5c1f --used
    """
    if not (steps or versions or older_than is not None or to_size is not None):
        raise click.UsageError("Say which values: --step, --version, --older-than or --to-size.")
    now = datetime.now(UTC)
    stored_before = None if older_than is None else now - older_than
    criteria = Criteria(steps, versions, stored_before, to_size, used)
    with clear_failures(), _what_is_held(chosen) as (instance, held):
        selection = select(instance, held, criteria, now)
        if selection.doomed and not (dry_run or yes):
            _ask(selection)
        show_removals(wipe_versions(instance, selection.doomed, criteria, now, dry_run), dry_run)
        note_kept(selection, criteria)
        note_unknown_steps(held, steps)


@contextmanager
def _what_is_held(chosen: ChosenPipeline) -> Iterator[tuple[DagsterInstance, list[Held]]]:
    """The instance, and all that the pipeline's IO managers have stored; they are there until the block ends."""
    prepared = prepare_run(
        chosen.load(), in_process_executor, RunSpec(run_config=chosen.run_config(), mode=chosen.mode)
    )
    with persistent_instance() as instance, memoizable_managers(prepared, instance) as managers:
        yield instance, held_by(managers)


def _ask(selection: Selection) -> None:
    what = counted(each.stored.size_bytes for each in selection.doomed)
    if not sys.stdin.isatty():
        raise click.UsageError(f"Nothing was deleted. Say --yes to delete {what}, or --dry-run to list them.")
    click.confirm(f"Delete {what}?", abort=True)
