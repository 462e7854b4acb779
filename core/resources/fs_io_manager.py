"""Values of each run in files on the local disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.config import Field, StringSource
from core.definitions.keeping.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.disk.atomic_file import atomic_write
from core.disk.paths import file_name, inside
from core.disk.regular_file import open_regular
from core.errors import DagsterObjectNotFoundError
from core.values.codecs.files import read_value, write_output
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager
from core.values.loading import told_where

BASE_DIR_CONFIG = {
    "base_dir": Field(
        StringSource,
        is_required=False,
        description="The directory of the values; by default the instance's storage directory.",
    )
}


class PickledObjectFilesystemIOManager(IOManager):
    """Values at `{base_dir}/{run_id}/{step_key}/{output_name}`: bare pickles, except where another codec is asked for.

    That is by the output's metadata, `{"codec": NAME}`, or by a codec that the user has registered for its type. The
    file then begins with a line that names the codec.

    Args:
        base_dir: the directory; made when first written to.
    """

    def __init__(self, base_dir: str | None = None) -> None:
        self.base_dir = Path(base_dir or "").absolute()

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        with atomic_write(self._path(context)) as stream:
            write_output(context, obj, stream)

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return load_file(self._path(context.upstream_output), context)

    def has_value(self, context: OutputContext) -> bool | None:
        return self._path(context).is_file()

    def get_address(self, context: OutputContext) -> str | None:
        return str(self._path(context))

    def _path(self, context: OutputContext) -> Path:
        return path_under(self.base_dir, context.get_run_scoped_output_identifier())


def path_under(base_dir: Path, names: list[str]) -> Path:
    """The path that an output's identifying names come to."""
    return inside(base_dir, *(file_name(name, "run id, step key, output name or version") for name in names))


def load_file(path: Path, context: InputContext) -> Any:
    """The value at `path`, for an input.

    Raises:
        DagsterObjectNotFoundError: there is no such file.
        DagsterObjectCorruptError: what is there is no file.
        DagsterObjectNotLoadableError: what it holds cannot be loaded.
    """
    upstream = context.upstream_output
    assert upstream is not None
    try:
        with open_regular(path) as stream, told_where(str(path)):
            return read_value(stream)
    except FileNotFoundError as error:
        raise no_value_at(path, upstream) from error


def no_value_at(path: Path, output: OutputContext) -> DagsterObjectNotFoundError:
    """What is raised where there is no value of an output."""
    return DagsterObjectNotFoundError(
        f"No value at {path} for output {output.name!r} of step {output.step_key!r}; it was never stored, was deleted, "
        "or is on another machine. Execute that step again."
    )


@io_manager(config_schema=BASE_DIR_CONFIG, version="1")
def fs_io_manager(init_context: InitResourceContext) -> PickledObjectFilesystemIOManager:
    """IO manager that keeps the values of each run on the local disk, as pickles where no codec is chosen.

    Example:
        >>> from core import DagsterInstance, ModeDefinition, execute_pipeline, fs_io_manager, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> result = execute_pipeline(count, {"resources": {"io_manager": {"config": {"base_dir": "values"}}}})
        >>> result.output_for_solid("one")
        1
    """
    base_dir = init_context.resource_config.get("base_dir")
    return PickledObjectFilesystemIOManager(base_dir or init_context.storage_directory())
