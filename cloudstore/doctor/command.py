"""The command `cloudstore doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import click
from rich.console import Console

from cloudstore.client import make_client
from cloudstore.doctor.probe import probe
from cloudstore.doctor.target import EVERYTHING, READING, ModeTargets, Target, target_of_logs
from core.cli.checks import Check, check_instance, configured_instance
from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, optional_pipeline_options
from core.cli.output.checks import show_checks
from core.errors import DagsterError


@click.command()
@optional_pipeline_options
@click.option("--bucket", help="A bucket to probe, with the credentials that AWS tools find.")
@click.option("--prefix", default="dagster", show_default=True, help="Where in the bucket.")
@click.option(
    "--read-only", is_flag=True, help="Probe only the permissions that reading the bucket needs; write nothing."
)
@click.option("--endpoint-url", help="URL of a store other than AWS.")
@click.option("--region", "region_name", help="AWS region; by default the profile's.")
@click.option("--profile", "profile_name", help="Profile of the AWS configuration files.")
@click.option(
    "--addressing-style", type=click.Choice(["auto", "path", "virtual"]), help="Where the bucket's name goes."
)
def doctor(
    chosen: ChosenPipeline | None,
    bucket: str | None,
    prefix: str,
    read_only: bool,
    **s3_options: Any,
) -> None:
    """Try out the configuration, and say what is missing and how to mend it.

    It probes the instance in $DAGSTER_HOME, the places in S3 that the resources of a mode use, and a bucket: whether
    it exists and accepts the credentials, each permission, conditional writes, checksums, the clock, the latency. It
    writes below .cloudstore-probe/ only, and deletes that again. The exit code is 1 when anything is missing.

    \b
    Examples:
      cloudstore doctor -f pipeline.py --mode s3 -c s3.yaml
      cloudstore doctor --bucket my-bucket --prefix teams/data --endpoint-url http://127.0.0.1:9000
    """
    with clear_failures(chosen.placed if chosen else list):
        targets: dict[str, Callable[[], Target | None]] = {}
        if chosen is not None:
            pipeline = chosen.load()
            asked = chosen.asked(pipeline)
            found = ModeTargets(pipeline.get_mode_definition(asked.mode), asked.run_config or {})
            targets |= {name: partial(found.get, name) for name in found.names()}
        if bucket is not None:
            needs = READING if read_only else EVERYTHING
            targets["--bucket"] = lambda: Target("--bucket", make_client(s3_options), bucket, prefix, (), needs)
        console = Console(stderr=True)
        with console.status("Probing") if console.is_terminal else nullcontext():
            checks = [*_instance_checks(), *(check for name, get in targets.items() for check in _checks(name, get))]
    show_checks(checks)
    missing = sum(check.state == "missing" for check in checks)
    if missing:
        raise click.ClickException("1 thing is missing." if missing == 1 else f"{missing} things are missing.")


def _instance_checks() -> Iterator[Check]:
    ref = configured_instance()
    if ref is None:
        yield Check("instance", "DAGSTER_HOME", "not tried", "it is not set, so no instance is kept")
        return
    yield from check_instance(ref)
    yield from _checks("compute logs", lambda: target_of_logs(ref.compute_logs_data))


def _checks(part: str, get: Callable[[], Target | None]) -> Iterator[Check]:
    """The probes of one place, or why it cannot be probed."""
    try:
        target = get()
        if target is not None:
            yield from probe(target)
    except DagsterError as error:
        yield Check(part, "configuration", "missing", str(error))
