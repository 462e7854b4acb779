"""`cloudstore run`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from core.api import execute_pipeline
from core.cli.failures import clear_failures
from core.cli.loading import load_pipeline, load_run_config
from core.cli.progress import show_progress
from core.cli.report import failures, run_table
from core.instance import DagsterInstance


@click.command()
@click.option(
    "-f", "--file", "file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Python file with the pipeline.",
)  # fmt: skip
@click.option("-a", "--attribute", help="Name of the pipeline in the file; needed where it has more than one.")
@click.option("-m", "--mode", help="Mode to run in; the pipeline's first by default.")
@click.option(
    "-c", "--config", "config_files", multiple=True, type=click.Path(path_type=Path),
    help="YAML file with run config. May be given several times; later files win.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="A.B.C=VALUE",
    help="One value of the run config, such as solids.clean.config.months=[1,2]. Wins over files.",
)  # fmt: skip
@click.option(
    "--memoize/--no-memoize", default=None,
    help="Skip steps whose outputs are stored already, or not; by default as the pipeline's tags say.",
)  # fmt: skip
def run(
    file: Path,
    attribute: str | None,
    mode: str | None,
    config_files: tuple[Path, ...],
    settings: tuple[str, ...],
    memoize: bool | None,
) -> None:
    """Run a pipeline in this process.

    The run is kept in the instance in $DAGSTER_HOME, where that is set, for `cloudstore runs` and `cloudstore logs`.

    \b
    Example:
      cloudstore run -f pipeline.py -a flights --mode s3 -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures():
        pipeline = load_pipeline(file, attribute)
        run_config = load_run_config(config_files, settings)
        with DagsterInstance.get() as instance:
            with show_progress(instance, len(pipeline.solids)) as progress:
                result = execute_pipeline(
                    pipeline,
                    run_config,
                    mode,
                    instance=instance,
                    raise_on_error=False,
                    memoize=memoize,
                    on_event=progress.on_event,
                )
            step_keys = [solid.name for solid in pipeline.solids]
            Console().print(run_table(f"{pipeline.name}, run {result.run_id}", result.event_list, step_keys))
    if not result.success:
        raise click.ClickException("\n  ".join(failures(result.event_list)))
