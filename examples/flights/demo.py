"""`make demo`: runs the flights pipeline four times on its own S3 server, and lists what is in the bucket afterwards.

python -m examples.flights.demo
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from rich.console import Console

from cloudstore import S3ComputeLogManager
from cloudstore.testing import EmbeddedS3Server, embedded_s3_server
from core import DagsterInstance, PipelineDefinition, PipelineExecutionResult, execute_pipeline
from core.cli.failures import clear_failures
from core.cli.loading import load_run_config
from core.cli.output.progress import show_progress
from core.cli.output.runs import run_table
from core.cli.output.text import human_bytes
from core.compute_logs.names import ComputeIOType
from core.loading.pipelines import load_pipeline
from core.views.runs import report_run

HERE = Path(__file__).parent
RESULT_SOLID = "summarize"
CONFIG_CHANGE = "solids.delays_by_carrier.config.min_flights=5000"
CHANGED_SOLID = "delays_by_weather"
LOGGED_STEP = "delays_by_weather"
QUIET = ["loggers.console.config.log_level=WARNING"]
MAX_LISTED = 5  # addresses of each kind


class DemoRun(NamedTuple):
    """One of the demo's runs: what it shows, and its result."""

    title: str
    result: PipelineExecutionResult


def run_four_times(console: Console, folder: Path) -> list[DemoRun]:
    """Runs the pipeline cold, unchanged, with one config changed and with one version changed; all in mode `s3`.

    Args:
        console: where the tables go.
        folder: for a copy of the pipeline's file in which a version is edited, as a user would do.
    """
    pipeline = load_pipeline(HERE / "pipeline.py", "flights")
    edited = load_pipeline(_edited_copy(folder), "flights")
    runs = [
        ("1. Cold: nothing is stored yet", pipeline, []),
        ("2. Unchanged: no step executes", pipeline, []),
        ("3. One config changed: delays_by_carrier, min_flights", pipeline, [CONFIG_CHANGE]),
        (f"4. One version changed: {CHANGED_SOLID}", edited, []),
    ]
    return [DemoRun(title, _run(console, title, *rest)) for title, *rest in runs]


def run_without_memoization() -> PipelineExecutionResult:
    """Runs the pipeline once more with every step executed and its values elsewhere in the bucket."""
    pipeline = load_pipeline(HERE / "pipeline.py", "flights")
    elsewhere = [f"resources.{key}.config.s3_prefix=unmemoized" for key in ("io_manager", "file_manager")]
    config = load_run_config([HERE / "s3.yaml"], [*elsewhere, *QUIET])
    with DagsterInstance.local_temp() as instance:
        instance.compute_log_manager.echo = lambda _chunk: None
        return execute_pipeline(pipeline, config, "s3", instance=instance, memoize=False)


def _run(console: Console, title: str, pipeline: PipelineDefinition, settings: list[str]) -> PipelineExecutionResult:
    config = load_run_config([HERE / "s3.yaml"], [*settings, *QUIET])
    console.print(f"[bold]{title}[/]")
    with (
        DagsterInstance.get() as instance,
        show_progress(instance, len(pipeline.solids), echo_output=False) as progress,
    ):
        result = execute_pipeline(pipeline, config, "s3", instance=instance, on_event=progress.on_event)
    console.print(run_table("", report_run(result.event_list)), "")
    return result


def _edited_copy(folder: Path) -> Path:
    """A copy of pipeline.py in which one solid has a different version."""
    before, name, after = (HERE / "pipeline.py").read_text("utf-8").partition(f"def {CHANGED_SOLID}(")
    head, version, tail = before.rpartition('version="1"')
    assert name, f"pipeline.py has no solid {CHANGED_SOLID}"
    assert version, f"solid {CHANGED_SOLID} has no version 1"
    copy = folder / "edited_pipeline.py"
    copy.write_text(f'{head}version="2"{tail}{name}{after}', "utf-8")
    return copy


@contextmanager
def demo_environment(server: EmbeddedS3Server, bucket: str, folder: Path) -> Iterator[None]:
    """Credentials, bucket and instance of the demo, in environment variables; compute logs go to the bucket."""
    home = folder / "home"
    home.mkdir()
    compute_logs = {
        "module": "cloudstore.compute_log_manager",
        "class": "S3ComputeLogManager",
        "config": {
            "bucket": {"env": "FLIGHTS_BUCKET"},
            "prefix": "flights/logs",
            "local_dir": str(folder / "logs"),
            "skip_empty_files": True,
        },
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump({"compute_logs": compute_logs}), "utf-8")
    before = dict(os.environ)
    for variable in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[variable]  # no profile or token of the user's may interfere
    os.environ.update(
        server.environment(),
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
        no_proxy="127.0.0.1",
        FLIGHTS_BUCKET=bucket,
        DAGSTER_HOME=str(home),
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def list_bucket(server: EmbeddedS3Server, bucket: str) -> dict[str, list[tuple[str, int]]]:
    """The content of the bucket: (s3:// address, size in bytes) of each object, by kind."""
    kinds: dict[str, list[tuple[str, int]]] = {"values": [], "files": [], "logs": []}
    for page in server.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="flights/"):
        for item in page.get("Contents", []):
            kind = item["Key"].split("/")[1]
            kinds[kind].append((f"s3://{bucket}/{item['Key']}", item["Size"]))
    return kinds


def last_lines_from_bucket(bucket: str, run_id: str, folder: Path, count: int = 8) -> list[str]:
    """The end of one step's stdout, fetched from the bucket by a manager without local copies."""
    elsewhere = S3ComputeLogManager(bucket, local_dir=str(folder / "elsewhere"), prefix="flights/logs")
    log = elsewhere.read_logs_file(run_id, LOGGED_STEP, ComputeIOType.STDOUT)
    return (log.data or "").splitlines()[-count:]


def fetch_chart(server: EmbeddedS3Server, result: PipelineExecutionResult, target: Path) -> Path:
    """Copies the chart from the bucket to the local disk."""
    handle: Any = result.output_for_solid("draw_chart")
    target.parent.mkdir(parents=True, exist_ok=True)
    server.client().download_file(handle.s3_bucket, handle.s3_key, str(target))
    return target


def check_claims(runs: list[DemoRun], unmemoized: PipelineExecutionResult) -> list[str]:
    """The claims of the demo that do not hold; empty if all of them do."""
    downstream = {"draw_chart", RESULT_SOLID}
    cold, unchanged, other_config, other_version = (set(run.result.executed_step_keys) for run in runs)
    every = {solid.name for solid in unmemoized.pipeline_def.solids}
    claims = {
        "every run succeeded": all(run.result.success for run in runs),
        "the cold run executed every step": cold == every,
        "the unchanged run executed no step": unchanged == set(),
        "the run with another config executed only what depends on it": other_config
        == {"delays_by_carrier", *downstream},
        "the run with another version executed only what depends on it": other_version == {CHANGED_SOLID, *downstream},
        "the result is that of a run without memoization": _summary(runs[1].result) == _summary(unmemoized)
        and _summary(runs[3].result) == _summary(unmemoized),
    }
    return [claim for claim, holds in claims.items() if not holds]


def _summary(result: PipelineExecutionResult) -> Any:
    return result.output_for_solid(RESULT_SOLID)


def show_bucket(console: Console, listed: dict[str, list[tuple[str, int]]]) -> None:
    """Prints how many objects of each kind there are, and the first addresses."""
    for kind, objects in listed.items():
        total = human_bytes(sum(size for _address, size in objects))
        console.print(f"[bold]{kind}[/] in the bucket: {len(objects)} objects, {total}")
        for address, size in objects[:MAX_LISTED]:
            console.out(f"  {human_bytes(size):>9}  {address}", highlight=False)
        if len(objects) > MAX_LISTED:
            console.out(f"  ... and {len(objects) - MAX_LISTED} more", highlight=False)
        console.print()


def demo(chart_path: Path) -> None:
    """The whole demo; raises click.ClickException if one of its claims does not hold."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="flights-demo-") as name, embedded_s3_server() as server:
        folder, bucket = Path(name), server.create_bucket("flights")
        console.print(f"An S3 server is running at {server.endpoint_url}, with an empty bucket [bold]{bucket}[/].\n")
        with demo_environment(server, bucket, folder):
            runs = run_four_times(console, folder)
            console.print("Running it once more without memoization, to compare the results ...\n")
            failed = check_claims(runs, run_without_memoization())
            show_bucket(console, list_bucket(server, bucket))
            console.print(f"The last lines that [bold]{LOGGED_STEP}[/] printed, read from the bucket:")
            for line in last_lines_from_bucket(bucket, runs[0].result.run_id, folder):
                console.out(f"  {line}", highlight=False)
            chart = fetch_chart(server, runs[0].result, chart_path)
    if failed:
        raise click.ClickException(f"The demo did not show that {'; that '.join(failed)}.")
    console.print("\nThe last solid's result equals that of a run without memoization.")
    console.out(f"The chart: {chart}", highlight=False)


@click.command()
def main() -> None:
    """Runs the demo, and leaves the chart in `.demo/` of the working directory."""
    with clear_failures():
        demo(Path(".demo", "flight-delays.png").absolute())


if __name__ == "__main__":
    main()
