"""`cloudstore sensor`: turns sensors on and off, asks them, and sets how far they have looked."""

from __future__ import annotations

from collections.abc import Callable

import click
import msgspec

from core.cli.code_options import workspace_options
from core.cli.known_jobs import instance_and_code, named, sensors_of
from core.cli.output.schedules import ShownSensor, is_running, sensors_table, ticks_table
from core.cli.output.terminal import cell, draw, say
from core.code_servers import Workspace
from core.records.job import JobState, JobStatus, JobType, SensorJobData
from core.serdes import to_json
from core.wording import counted

_NAME = click.argument("name", metavar="SENSOR")


@click.group()
def sensor() -> None:
    """Turn sensors on and off, ask them, and set how far they have looked.

    Sensors that are on are asked by `cloudstore daemon run`.
    """


@sensor.command("list")
@click.option("--running", is_flag=True, help="Only those that are on.")
@click.option("--stopped", is_flag=True, help="Only those that are off.")
@workspace_options
def list_sensors(workspace: Callable[[], Workspace], running: bool, stopped: bool) -> None:
    """List the sensors of the workspace: whether they are on, and how far they have looked."""
    if running and stopped:
        raise click.UsageError("Give one of --running and --stopped.")
    with instance_and_code(workspace) as (instance, code):
        shown = [
            ShownSensor(placed.repository.name, each, instance.get_job_state(each.get_external_origin_id()))
            for placed, each in sensors_of(code)
        ]
        wanted = [each for each in shown if not (running or stopped) or is_running(each.state) is running]
        draw(sensors_table(wanted) if wanted else cell("No sensors."))


@sensor.command()
@click.argument("name", metavar="[SENSOR]", required=False)
@click.option("--start-all", is_flag=True, help="All sensors of the workspace.")
@workspace_options
def start(workspace: Callable[[], Workspace], name: str | None, start_all: bool) -> None:
    """Turn a sensor on. It goes on from where it had looked when it was turned off."""
    if (name is None) is not start_all:
        raise click.UsageError("Name a sensor, or give --start-all.")
    with instance_and_code(workspace) as (instance, code):
        known = sensors_of(code)
        for _, each in known if name is None else [named("sensor", name, known)]:
            was_on = is_running(instance.get_job_state(each.get_external_origin_id()))
            instance.start_sensor(each)
            say(f"Sensor {each.name!r} {'was on already' if was_on else 'is on'}.")


@sensor.command()
@_NAME
@workspace_options
def stop(workspace: Callable[[], Workspace], name: str) -> None:
    """Turn a sensor off. Its runs that are under way go on."""
    with instance_and_code(workspace) as (instance, code):
        _, found = named("sensor", name, sensors_of(code))
        if instance.get_job_state(found.get_external_origin_id()) is None:
            say(f"Sensor {found.name!r} was never on.")
            return
        instance.stop_sensor(found.get_external_origin_id())
        say(f"Sensor {found.name!r} is off.")


@sensor.command()
@_NAME
@click.option("--since", type=float, help="When it was last asked; Unix time in seconds.")
@click.option("--last-run-key", "--last_run_key", help="The key of the last run it asked for.")
@click.option("--cursor", help="How far it has looked; as it is stored by default.")
@workspace_options
def preview(
    workspace: Callable[[], Workspace], name: str, since: float | None, last_run_key: str | None, cursor: str | None
) -> None:
    """Ask a sensor, and show what it would run; nothing is run or stored."""
    with instance_and_code(workspace) as (instance, code):
        placed, found = named("sensor", name, sensors_of(code))
        stored = _data(instance.get_job_state(found.get_external_origin_id()))
        evaluation = placed.location.evaluate_sensor(
            placed.repository.name,
            found.name,
            stored.cursor if cursor is None else cursor,
            last_run_key or stored.last_run_key,
            since if since is not None else stored.last_tick_timestamp,
            instance_ref=instance.get_ref(),
        )
        say(f"Sensor {found.name!r} asks for {counted(len(evaluation.run_requests), 'run')}.")
        if evaluation.skip_message:
            say(evaluation.skip_message)
        for request in evaluation.run_requests:
            say(f"\nkey: {request.run_key or 'none'}\nconfig: {to_json(request.run_config)}")
            say(f"tags: {to_json(request.tags)}")
        if evaluation.cursor is not None:
            say(f"\nIts cursor would be {evaluation.cursor!r}.")


@sensor.command()
@_NAME
@click.option("--set", "new_cursor", metavar="CURSOR", help="Set it to this text.")
@click.option("--delete", is_flag=True, help="Forget it, so that the sensor looks from the beginning.")
@workspace_options
def cursor(workspace: Callable[[], Workspace], name: str, new_cursor: str | None, delete: bool) -> None:
    """Show how far a sensor has looked, or set it. Runs of keys that it asked for before come no second time."""
    if new_cursor is not None and delete:
        raise click.UsageError("Give one of --set and --delete.")
    with instance_and_code(workspace) as (instance, code):
        _, found = named("sensor", name, sensors_of(code))
        if new_cursor is None and not delete:
            known = _data(instance.get_job_state(found.get_external_origin_id())).cursor
            say(f"Sensor {found.name!r} has no cursor." if known is None else known)
            return

        def moved(state: JobState | None) -> JobState:
            off = JobState(found.get_external_origin(), JobType.SENSOR, JobStatus.STOPPED)
            return (state or off).with_data(msgspec.structs.replace(_data(state), cursor=new_cursor))

        instance.change_job_state(found.get_external_origin_id(), moved)
        say(f"Sensor {found.name!r} has no cursor now." if delete else f"Its cursor is {new_cursor!r} now.")


@sensor.command()
@_NAME
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Maximum number of ticks.")
@workspace_options
def logs(workspace: Callable[[], Workspace], name: str, limit: int) -> None:
    """Show when a sensor was asked, newest first, and what it said."""
    with instance_and_code(workspace) as (instance, code):
        _, found = named("sensor", name, sensors_of(code))
        ticks = instance.get_job_ticks(found.get_external_origin_id(), limit=limit)
        draw(ticks_table(ticks) if ticks else cell(f"Sensor {found.name!r} was not asked yet."))
        failed = next((tick.error for tick in ticks if tick.error is not None and tick.error.traceback), None)
        if failed is not None:
            say(f"\nThe last failure:\n{failed.to_string()}")


def _data(state: JobState | None) -> SensorJobData:
    data = state.job_specific_data if state is not None else None
    return data if isinstance(data, SensorJobData) else SensorJobData()
