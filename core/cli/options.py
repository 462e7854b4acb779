"""The options that select a pipeline and its run config."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from core.cli.loading import load_run_config, place_faults
from core.config import ConfigFault
from core.definitions.pipeline import PipelineDefinition
from core.execution.preparing.presets import with_preset
from core.execution.preparing.spec import RunSpec
from core.loading.pipelines import load_pipeline, load_pipeline_of_module
from core.records.origin import LoadableTargetOrigin


class ChosenPipeline(msgspec.Struct, frozen=True):
    """The values of `pipeline_options`.

    Attributes:
        file: the Python file; or
        module: the name of the module.
        attribute: which pipeline of it; None for the only one.
        mode: the mode's name; None for the first.
        preset: the name of a preset, which files and settings win over; None for none.
        config_files: YAML files; later ones win.
        settings: each `a.b.c=value`; they win over files.
    """

    file: Path | None
    module: str | None
    attribute: str | None
    mode: str | None
    preset: str | None
    config_files: tuple[Path, ...]
    settings: tuple[str, ...]

    @property
    def is_named(self) -> bool:
        """bool: whether a file or a module is named."""
        return self.file is not None or self.module is not None

    def check_named(self) -> None:
        """Raises click.UsageError where neither a file nor a module is named."""
        if not self.is_named:
            raise click.UsageError("Name the code of the pipeline, with -f FILE or -m MODULE.")

    def load(self) -> PipelineDefinition:
        """The pipeline; see `load_pipeline` and `load_pipeline_of_module`."""
        if self.file is not None:
            return load_pipeline(self.file, self.attribute)
        return load_pipeline_of_module(self.module or "", self.attribute)

    @property
    def code(self) -> LoadableTargetOrigin | None:
        """LoadableTargetOrigin | None: where the code is that is named; None where none is."""
        here = str(Path.cwd())
        if self.file is not None:
            return LoadableTargetOrigin(python_file=str(self.file.absolute()), working_directory=here)
        return LoadableTargetOrigin(module_name=self.module, working_directory=here) if self.module else None

    def run_config(self, below: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The run config without that of the preset; see `load_run_config`."""
        return load_run_config(self.config_files, self.settings, below)

    def asked(self, pipeline: PipelineDefinition) -> RunSpec:
        """The run config and the mode with what the preset adds to them; see `with_preset`."""
        return with_preset(pipeline, self.preset, RunSpec(run_config=self.run_config(), mode=self.mode))

    def placed(self, faults: Sequence[ConfigFault]) -> list[ConfigFault]:
        """Faults of the run config with their places; see `place_faults`."""
        return place_faults(faults, self.config_files, self.settings)


class _PythonFile(click.Path):
    """The path of a file that is there; where there is none, the error says what was meant, as far as that is known."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            raise click.BadParameter(f"{error.message} {self._advice(str(value))}".rstrip(), ctx, param) from None

    @staticmethod
    def _advice(value: str) -> str:
        path = Path(value)
        if path.is_dir():
            return f"To name a package: -m {'.'.join(path.parts)}" if (path / "__init__.py").is_file() else ""
        if "." in value.removesuffix(".py") and all(part.isidentifier() for part in value.split(".")):
            return f"To name a module: -m {value}"
        close = difflib.get_close_matches(path.name, [each.name for each in path.parent.glob("*.py")], 1)
        return f"Did you mean {str(path.with_name(close[0]))!r}?" if close else ""


_PIPELINE_OPTIONS = (
    click.option("-f", "--file", type=_PythonFile(), help="Python file with the pipeline, or with its repository."),
    click.option("-m", "--module", help="Module with it, in the place of -f, such as my.package.pipelines."),
    click.option(
        "-a", "--attribute", metavar="NAME",
        help="Name of the pipeline, or of a function that returns it; required if there are several.",
    ),
    click.option("--mode", help="Mode to run in; the pipeline's first by default."),
    click.option(
        "-p", "--preset",
        help="Preset of the pipeline: its run config, mode and tags. --config and --set are merged onto it.",
    ),
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

    def with_named(chosen: ChosenPipeline, **others: Any) -> None:
        chosen.check_named()
        command(chosen, **others)

    return _with_options(functools.update_wrapper(with_named, command))


def optional_pipeline_options(command: Callable[..., None]) -> Callable[..., None]:
    """As `pipeline_options`; the function gets None where neither a file nor a module is named."""

    def with_named_or_none(chosen: ChosenPipeline, **others: Any) -> None:
        command(chosen if chosen.is_named else None, **others)

    return _with_options(functools.update_wrapper(with_named_or_none, command))


def options_around_pipeline(command: Callable[..., None]) -> Callable[..., None]:
    """As `pipeline_options`; the function gets a `ChosenPipeline` also where neither a file nor a module is named."""
    return _with_options(command)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(command)
    def with_pipeline(
        file: Path | None,
        module: str | None,
        attribute: str | None,
        mode: str | None,
        preset: str | None,
        config_files: tuple[Path, ...],
        settings: tuple[str, ...],
        **others: Any,
    ) -> None:
        if file is not None and module is not None:
            raise click.UsageError("Give one of -f FILE and -m MODULE. The mode is chosen with --mode.")
        command(ChosenPipeline(file, module, attribute, mode, preset, config_files, settings), **others)

    decorated: Callable[..., None] = with_pipeline
    for option in reversed(_PIPELINE_OPTIONS):
        decorated = option(decorated)
    return decorated


json_option = click.option(
    "--json", "as_json", is_flag=True,
    help="Print one JSON document, whose keys docs/command-line.md tells; all else goes to stderr.",
)  # fmt: skip
verbose_option = click.option(
    "--verbose", "is_verbose", is_flag=True, help="Show whole versions and ids, and where values are."
)

refresh_option = click.option(
    "--refresh", multiple=True, metavar="STEP",
    help="Execute this step even if its value is stored, with all that it feeds, and replace their values: `clean`, or "
    "`clean[key]` for one value of a dynamic output. May be given several times.",
)  # fmt: skip

select_option = click.option(
    "--select", multiple=True, metavar="SOLID",
    help="Run only this solid, or the solids of this graph: `clean`, `outer.clean`, `clean*` with all that it feeds, "
    "`*clean` with all that feed it, `+clean` with those that feed it at once. May be given several times.",
)  # fmt: skip
