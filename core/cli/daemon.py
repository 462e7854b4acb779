"""`cloudstore daemon`: does what has to be done beside runs, and says whether it is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import click

from core.cli.code_options import is_code_named, workspace_options
from core.cli.failures import clear_failures
from core.cli.output.terminal import say
from core.code_servers import Workspace
from core.daemon.status import DaemonStatus, all_daemons_healthy, all_daemons_live, get_daemon_statuses
from core.instance import persistent_instance
from core.process.signals import until_told_to_end


@click.group()
def daemon() -> None:
    """Launch runs that wait or are due, and find runs whose processes are gone: a process on one or more machines."""


@daemon.command("run")
@workspace_options
def run_daemon(make: Callable[[], Workspace]) -> None:
    """Do it, until Ctrl-C or SIGTERM.

    Schedules, sensors and backfills need the code that defines them: the daemon takes it from workspace.yaml in the
    current directory, or from what is named. Submitted runs say themselves where their code is.

    Another daemon of the same instance stands by, and takes over when this one is gone. Runs go on without a daemon.
    """
    # Only this command needs them.
    from core.daemon.daemon import Daemon
    from core.daemon.roles_of import roles_of

    with clear_failures(), persistent_instance() as instance, until_told_to_end() as wait_until_told_to_end:
        if is_code_named():
            workspace = make()
        else:
            workspace = Workspace([])
            _tell("There is no workspace.yaml here and no code is named: no schedule, sensor or backfill is started.")
        running = Daemon(instance, roles_of(instance, workspace), tell=_tell)
        running.start()
        _tell(f"The daemon {running.owner} has begun.")
        try:
            wait_until_told_to_end()
        finally:
            running.end()
        _tell(f"The daemon {running.owner} has ended.")


@daemon.command()
def health_check() -> None:
    """Say whether all that is needed is done, without errors; the exit code is 1 if it is not."""
    with clear_failures(), persistent_instance() as instance:
        statuses = get_daemon_statuses(instance, time.time())
        for each in statuses:
            say(_line(each))
        if not all_daemons_healthy(statuses):
            raise click.ClickException("Not all that is needed is done; start `cloudstore daemon run`, or see above.")


@daemon.command()
def liveness_check() -> None:
    """Say whether all that is needed is done, with or without errors; the exit code is 1 if it is not."""
    with clear_failures(), persistent_instance() as instance:
        if not all_daemons_live(get_daemon_statuses(instance, time.time())):
            raise click.ClickException("The daemon was not heard of lately; start `cloudstore daemon run`.")
        say("The daemon is alive.")


@daemon.command()
def wipe() -> None:
    """Forget that daemons were heard of."""
    with clear_failures(), persistent_instance() as instance:
        instance.wipe_daemon_heartbeats()
        say("All heartbeats are forgotten.")


def _tell(sentence: str) -> None:
    say(f"{datetime.now(UTC).astimezone():%Y-%m-%d %H:%M:%S} {sentence}", err=True)


def _line(status: DaemonStatus) -> str:
    needed = "" if status.required else ", not needed"
    beat = status.last_heartbeat
    if beat is None:
        return f"{status.daemon_type}: never heard of{needed}"
    state = "healthy" if status.healthy else "has errors" if status.live else "not heard of lately"
    when = datetime.fromtimestamp(beat.timestamp, UTC).astimezone()
    lines = [f"{status.daemon_type}: {state}{needed}, heard of at {when:%Y-%m-%d %H:%M:%S} as {beat.daemon_id}"]
    return "\n".join([*lines, *(f"  {error.message.strip()}" for error in beat.errors)])
