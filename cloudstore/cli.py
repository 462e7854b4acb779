"""The command `cloudstore`."""

from __future__ import annotations

from importlib.metadata import version

import click

from cloudstore.dev_server import dev_server
from cloudstore.doctor import doctor
from cloudstore.port import port
from core.cli import (
    api,
    backfill,
    config,
    daemon,
    explain,
    instance,
    launch,
    logs,
    memo,
    plan,
    run,
    runs,
    schedule,
    sensor,
    value,
    workspace,
)
from core.cli.output.terminal import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("cloudstore"), prog_name="cloudstore")
def main() -> None:
    """Run pipelines of solids that keep values, files and logs in S3-compatible buckets."""


for command in (
    run,
    launch,
    plan,
    config,
    runs,
    explain,
    logs,
    value,
    memo,
    instance,
    daemon,
    schedule,
    sensor,
    backfill,
    workspace,
    api,
    doctor,
    dev_server,
    port,
):
    main.add_command(command)
