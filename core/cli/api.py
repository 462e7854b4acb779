"""`cloudstore api`: commands that programs start, code servers among them."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from core.cli.code_options import target_options
from core.cli.failures import clear_failures
from core.cli.known_jobs import instance_and_code, schedules_of
from core.cli.known_jobs import named as named_job
from core.cli.output.terminal import say, say_json
from core.code_calls.client import call
from core.code_calls.wire import PING, Address
from core.code_servers import Workspace
from core.records.origin import LoadableTargetOrigin
from core.serdes import to_json


@click.group()
def api() -> None:
    """Commands that programs start: code servers, and what asks them."""


@api.command()
@target_options
@click.option("-h", "--host", default="localhost", show_default=True, help="Host to listen at, with --port.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 for a free one.")
@click.option("-s", "--socket", help="Path of a Unix domain socket to listen at; only its owner can connect.")
@click.option(
    "--max-workers",
    "--max_workers",
    default=16,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many evaluations go on at the same time.",
)
@click.option(
    "--lazy-load-user-code",
    is_flag=True,
    help="Load the code when it is first asked for; by default the server ends if it cannot be loaded.",
)
@click.option(
    "--reload-changed-code", is_flag=True, help="Load the code again when it is asked for and its files have changed."
)
@click.option(
    "--ipc-output-file", help="File that gets a line of JSON when the server listens: where, its id, its pid."
)
@click.option("--fixed-server-id", help="The id of the server; one that is drawn by default.")
@click.option("--heartbeat", is_flag=True, help="End when no client has sent a heartbeat for some time.")
@click.option(
    "--heartbeat-timeout", default=30, show_default=True, type=click.IntRange(min=1), help="That time, in seconds."
)
@click.option("--end-with-stdin", is_flag=True, help="End when the standard input ends, as it does with its owner.")
def grpc(
    target: LoadableTargetOrigin | None,
    host: str,
    port: int | None,
    socket: str | None,
    max_workers: int,
    lazy_load_user_code: bool,
    reload_changed_code: bool,
    ipc_output_file: str | None,
    fixed_server_id: str | None,
    heartbeat: bool,
    heartbeat_timeout: int,
    end_with_stdin: bool,
) -> None:
    """Serve a code location by gRPC: its code is asked for schedules, sensors and partitions, and starts runs.

    The server answers from a process that has none of your code, so no code of yours can block it. It ends by Ctrl-C,
    SIGTERM or ShutdownServer; the runs that it has started go on.
    """
    if target is None:
        raise click.UsageError("Name the code, with -f FILE, -m MODULE or --package-name PACKAGE.")
    if (port is None) == (socket is None):
        raise click.UsageError("Say where to listen, with --port or --socket.")
    # Only this command needs them, and they take 100 ms.
    from core.code_servers.serving.jobs import CodeSetup
    from core.code_servers.serving.program import ServerOptions, serve_code

    options = ServerOptions(
        Address(host, port, socket),
        fixed_server_id or str(uuid.uuid4()),
        lazy_load_user_code,
        ipc_output_file,
        float(heartbeat_timeout) if heartbeat else None,
        end_with_stdin,
        max_workers,
        reload_changed_code,
    )
    with clear_failures():
        serve_code(CodeSetup(target), options)


@api.command()
@click.option("-h", "--host", default="localhost", show_default=True, help="Host of the server.")
@click.option("-p", "--port", type=click.IntRange(1, 65535), help="Its port.")
@click.option("-s", "--socket", help="The path of its Unix domain socket.")
@click.option("--use-ssl", is_flag=True, help="Connect by TLS.")
@click.option("--seconds", default=10.0, show_default=True, help="How long to wait for the answer.")
def grpc_health_check(host: str, port: int | None, socket: str | None, use_ssl: bool, seconds: float) -> None:
    """Ask a code server whether it answers; the exit code is 0 if it does, and 1 if it does not."""
    if (port is None) == (socket is None):
        raise click.UsageError("Say where the server listens, with --port or --socket.")
    address = Address(host, port, socket, use_ssl)
    with clear_failures():
        call(address, PING, "ping", seconds)
        say(f"The code server at {address} answers.")


@api.command("launch_scheduled_execution")
@click.option("--schedule_name", required=True, help="Name of the schedule.")
@click.option("--repository", help="Name of its repository, where several have one of that name.")
@click.option("--seconds", default=300.0, show_default=True, help="How long that may take.")
@click.argument("result_file", required=False, type=click.Path(path_type=Path))
@target_options
def launch_scheduled_execution(
    target: LoadableTargetOrigin | None,
    schedule_name: str,
    repository: str | None,
    seconds: float,
    result_file: Path | None,
) -> None:
    """Start a schedule of the instance in $DAGSTER_HOME, if it is on and due; for cron.

    Each time at which it is due is taken once, whoever starts it. A line of JSON for each tick goes to the output, and
    to RESULT_FILE.
    """
    if target is None:
        raise click.UsageError("Name the code, with -f FILE, -m MODULE or --package-name PACKAGE.")
    # Only this command needs the daemon's role.
    from core.daemon.once import start_once

    def named() -> Workspace:
        return Workspace.of_target(target)

    with instance_and_code(named) as (instance, code):
        wanted = schedule_name if repository is None else f"{repository}.{schedule_name}"
        _, schedule = named_job("schedule", wanted, schedules_of(code))
        ticks = start_once(instance, named(), schedule, seconds)
        for tick in ticks:
            say_json(tick)
        if not ticks:
            say(f"Schedule {schedule_name!r} is not on, or is not due.")
        if result_file is not None:
            result_file.write_text("".join(f"{to_json(tick)}\n" for tick in ticks))
