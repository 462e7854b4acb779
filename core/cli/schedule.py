"""`cloudstore schedule`: turns schedules on and off, and shows when they were due and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice

import click

from core.cli.code_options import workspace_options
from core.cli.failures import clear_failures
from core.cli.known_jobs import instance_and_code, named, schedules_of
from core.cli.output.schedules import ShownSchedule, is_running, schedules_table, ticks_table
from core.cli.output.terminal import cell, draw, say
from core.code_servers import Workspace
from core.instance import DagsterInstance, persistent_instance
from core.records.external_jobs import external_schedules
from core.records.job import JobType
from core.records.snapshots import RepositorySnapshot
from core.scheduler.base import is_as_defined
from core.schedules.due_times import due_times
from core.schedules.requests import RunRequest
from core.schedules.zones import zone
from core.serdes import to_json

_SHOWN_TIMES = 5
_NAME = click.argument("name", metavar="SCHEDULE")


@click.group()
def schedule() -> None:
    """Turn schedules on and off, and see when they were due and what came of it.

    Schedules that are on are started by `cloudstore daemon run`, or by what `scheduler` in dagster.yaml names.
    """


@schedule.command("list")
@click.option("--running", is_flag=True, help="Only those that are on.")
@click.option("--stopped", is_flag=True, help="Only those that are off.")
@workspace_options
def list_schedules(workspace: Callable[[], Workspace], running: bool, stopped: bool) -> None:
    """List the schedules of the workspace: when they are due, and whether they are on."""
    if running and stopped:
        raise click.UsageError("Give one of --running and --stopped.")
    with instance_and_code(workspace) as (instance, code):
        shown = [
            ShownSchedule(placed.repository.name, each, instance.get_job_state(each.get_external_origin_id()))
            for placed, each in schedules_of(code)
        ]
        wanted = [each for each in shown if not (running or stopped) or is_running(each.state) is running]
        draw(schedules_table(wanted, datetime.now(UTC)) if wanted else cell("No schedules."))


@schedule.command()
@click.argument("name", metavar="[SCHEDULE]", required=False)
@click.option("--start-all", is_flag=True, help="All schedules of the workspace.")
@workspace_options
def start(workspace: Callable[[], Workspace], name: str | None, start_all: bool) -> None:
    """Turn a schedule on. It is due from now on; nothing that was due before is made up for."""
    if (name is None) is not start_all:
        raise click.UsageError("Name a schedule, or give --start-all.")
    with instance_and_code(workspace) as (instance, code):
        known = schedules_of(code)
        for _, each in known if name is None else [named("schedule", name, known)]:
            was_on = is_running(instance.get_job_state(each.get_external_origin_id()))
            instance.start_schedule_and_update_storage_state(each)
            say(f"Schedule {each.name!r} {'was on already' if was_on else 'is on'}.")


@schedule.command()
@_NAME
@workspace_options
def stop(workspace: Callable[[], Workspace], name: str) -> None:
    """Turn a schedule off. Its runs that are under way go on."""
    with instance_and_code(workspace) as (instance, code):
        _, found = named("schedule", name, schedules_of(code))
        if instance.get_job_state(found.get_external_origin_id()) is None:
            say(f"Schedule {found.name!r} was never on.")
            return
        instance.stop_schedule_and_update_storage_state(found.get_external_origin_id())
        say(f"Schedule {found.name!r} is off.")


@schedule.command()
@click.argument("name", metavar="[SCHEDULE]", required=False)
@click.option("--restart-all-running", is_flag=True, help="All schedules that are on.")
@workspace_options
def restart(workspace: Callable[[], Workspace], name: str | None, restart_all_running: bool) -> None:
    """Turn a schedule that is on off and on again: it is due from now on."""
    if (name is None) is not restart_all_running:
        raise click.UsageError("Name a schedule, or give --restart-all-running.")
    with instance_and_code(workspace) as (instance, code):
        known = schedules_of(code)
        for _, each in known if name is None else [named("schedule", name, known)]:
            if is_running(instance.get_job_state(each.get_external_origin_id())):
                instance.stop_schedule_and_update_storage_state(each.get_external_origin_id())
                instance.start_schedule_and_update_storage_state(each)
                say(f"Schedule {each.name!r} is on again.")
            elif name is not None:
                say(f"Schedule {each.name!r} is off; turn it on with `cloudstore schedule start {each.name}`.")


@schedule.command()
@click.argument("name", metavar="[SCHEDULE]", required=False)
@workspace_options
def preview(workspace: Callable[[], Workspace], name: str | None) -> None:
    """Show what `cloudstore schedule up` would change; or, of one schedule, when it is due and what it would run."""
    with instance_and_code(workspace) as (instance, code):
        if name is None:
            changes = [line for placed in code for line in _changes(instance, placed.repository)]
            say("\n".join(changes) or "Nothing would change.")
            return
        placed, found = named("schedule", name, schedules_of(code))
        snapshot = found.snapshot
        times = due_times(snapshot.cron_schedule, zone(snapshot.execution_timezone), datetime.now(UTC))
        upcoming = list(islice(times, _SHOWN_TIMES))
        for due in upcoming:
            say(f"{due:%Y-%m-%d %H:%M %Z}")
        if not upcoming:
            say(f"Schedule {found.name!r} is never due.")
            return
        ref = instance.get_ref()
        evaluation = placed.location.evaluate_schedule(
            placed.repository.name, found.name, upcoming[0], instance_ref=ref
        )
        say(f"\nAt the first of these times it would run {snapshot.pipeline_name!r} {_times(evaluation.run_requests)}.")
        if evaluation.skip_message:
            say(evaluation.skip_message)
        for request in evaluation.run_requests:
            say(f"config: {to_json(request.run_config)}\ntags: {to_json(request.tags)}")


@schedule.command()
@workspace_options
def up(workspace: Callable[[], Workspace]) -> None:
    """Bring the states of schedules to what the workspace defines.

    New ones are off. Those that are on stay on, and an edited one is due by its new times from now on. Those that are
    gone are turned off and forgotten. The daemon does not need it: it sees edited schedules by itself.
    """
    with instance_and_code(workspace) as (instance, code):
        changes = [line for placed in code for line in _changes(instance, placed.repository)]
        for placed in code:
            instance.reconcile_scheduler_state(placed.repository)
        say("\n".join(changes) or "Nothing was to be changed.")


@schedule.command()
@_NAME
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Maximum number of ticks.")
@workspace_options
def logs(workspace: Callable[[], Workspace], name: str, limit: int) -> None:
    """Show when a schedule was due, newest first, and what came of it, with the traceback of the last failure."""
    with instance_and_code(workspace) as (instance, code):
        _, found = named("schedule", name, schedules_of(code))
        ticks = instance.get_job_ticks(found.get_external_origin_id(), limit=limit)
        draw(ticks_table(ticks) if ticks else cell(f"Schedule {found.name!r} was not due yet while it was on."))
        failed = next((tick.error for tick in ticks if tick.error is not None and tick.error.traceback), None)
        if failed is not None:
            say(f"\nThe last failure:\n{failed.to_string()}")


@schedule.command()
def debug() -> None:
    """Show what the scheduler and the storage of the instance in $DAGSTER_HOME know of schedules."""
    with clear_failures(), persistent_instance() as instance:
        info = instance.scheduler_debug_info()
        for error in info.errors:
            say(f"Wrong: {error}")
        say(f"scheduler: {info.scheduler_config_info}\n{info.scheduler_info}")
        say("\n".join(info.schedule_storage) or "No schedule was ever on.")


@schedule.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def wipe(yes: bool) -> None:
    """Turn all schedules and sensors off, and forget them, their ticks, and backfills. Runs stay."""
    with clear_failures(), persistent_instance() as instance:
        count = len(instance.all_stored_job_state())
        if not yes:
            click.confirm(f"Forget {count} schedules and sensors, their ticks and all backfills?", abort=True)
        instance.wipe_all_schedules()
        say(f"{count} schedules and sensors are forgotten.")


def _changes(instance: DagsterInstance, repository: RepositorySnapshot) -> list[str]:
    """What `up` does with the schedules of a repository, a line each."""
    states = {
        state.job_origin_id: state
        for state in instance.all_stored_job_state(repository.origin.get_id(), JobType.SCHEDULE)
    }
    lines = []
    for each in external_schedules(repository):
        state = states.pop(each.get_external_origin_id(), None)
        if state is None:
            lines.append(f"+ {each.name}: new, off")
        elif not is_as_defined(state, each):
            snapshot = each.snapshot
            lines.append(
                f"~ {each.name}: {snapshot.cron_schedule} ({snapshot.execution_timezone or 'UTC'}) from now on"
            )
    return [*lines, *(f"- {state.job_name}: gone" for state in states.values())]


def _times(requests: Sequence[RunRequest]) -> str:
    return "once" if len(requests) == 1 else f"{len(requests)} times"
