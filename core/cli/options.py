"""The options that select a pipeline and its run config."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from core.cli.loading import load_pipeline, load_run_config, place_faults
from core.config import ConfigFault
from core.definitions.pipeline import PipelineDefinition


class ChosenPipeline(msgspec.Struct, frozen=True):
    """The values of `pipeline_options`.

    Attributes:
        file: the Python file.
        attribute: the name of the pipeline in it; None for the only one.
        mode: the mode's name; None for the first.
        config_files: YAML files; later ones win.
        settings: each `a.b.c=value`; they win over files.
    """

    file: Path
    attribute: str | None
    mode: str | None
    config_files: tuple[Path, ...]
    settings: tuple[str, ...]

    def load(self) -> PipelineDefinition:
        """The pipeline; see `load_pipeline`."""
        return load_pipeline(self.file, self.attribute)

    def run_config(self) -> dict[str, Any]:
        """The run config; see `load_run_config`."""
        return load_run_config(self.config_files, self.settings)

    def placed(self, faults: Sequence[ConfigFault]) -> list[ConfigFault]:
        """Faults of the run config with their places; see `place_faults`."""
        return place_faults(faults, self.config_files, self.settings)


_PIPELINE_OPTIONS = (
    click.option(
        "-f", "--file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Python file with the pipeline.",
    ),
    click.option("-a", "--attribute", help="Name of the pipeline in the file; required if there are several."),
    click.option("-m", "--mode", help="Mode to run in; the pipeline's first by default."),
    click.option(
        "-c", "--config", "config_files", multiple=True, type=click.Path(path_type=Path),
        help="YAML file with run config. May be given several times; later files win.",
    ),
    click.option(
        "--set", "settings", multiple=True, metavar="A.B.C=VALUE",
        help="One value of the run config, such as solids.clean.config.months=[1,2]. Overrides the files.",
    ),
)  # fmt: skip


def pipeline_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorates the function of a command, which gets a `ChosenPipeline`, and its other options by name."""

    @functools.wraps(command)
    def with_pipeline(
        file: Path,
        attribute: str | None,
        mode: str | None,
        config_files: tuple[Path, ...],
        settings: tuple[str, ...],
        **others: Any,
    ) -> None:
        command(ChosenPipeline(file, attribute, mode, config_files, settings), **others)

    decorated: Callable[..., None] = with_pipeline
    for option in reversed(_PIPELINE_OPTIONS):
        decorated = option(decorated)
    return decorated


refresh_option = click.option(
    "--refresh", multiple=True, metavar="STEP",
    help="Execute this step even if its value is stored, and replace that value. May be given several times.",
)  # fmt: skip
