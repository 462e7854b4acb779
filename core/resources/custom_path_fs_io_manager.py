"""Values in files whose paths the outputs say."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from core.definitions.keeping.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.disk.paths import inside
from core.errors import DagsterInvariantViolationError
from core.events.step_keys import mapping_key_of
from core.resources.fs_io_manager import BASE_DIR_CONFIG, PickledObjectFilesystemIOManager
from core.values.io_context import OutputContext


class CustomPathPickledObjectFilesystemIOManager(PickledObjectFilesystemIOManager):
    """Values at `{base_dir}/{path}`, where the output says the path: `OutputDefinition(metadata={"path": "a/b.csv"})`.

    The path is the same in each run, so the last one's value is there. A value of a dynamic output, and of a step that
    is executed for one, is in a folder of that path, under its mapping key. Values are bare pickles, except where
    another codec is asked for; see `PickledObjectFilesystemIOManager`.

    Args:
        base_dir: the directory; made when first written to.
    """

    def __init__(self, base_dir: str | None = None) -> None:
        super().__init__(base_dir)
        self._taken: dict[Path, tuple[str, str]] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        path, output = self._path(context), (context.step_key, context.name)
        step_key, name = self._taken.setdefault(path, output)
        if (step_key, name) != output:
            raise DagsterInvariantViolationError(
                f"Output {context.name!r} of step {context.step_key!r} would be written over output {name!r} of step "
                f"{step_key!r}, at {path}; give each a path of its own in its metadata."
            )
        super().handle_output(context, obj)

    def _path(self, context: OutputContext) -> Path:
        path = context.metadata.get("path")
        if not isinstance(path, str) or not path or PurePosixPath(path).is_absolute():
            raise DagsterInvariantViolationError(
                f"Output {context.name!r} of step {context.step_key!r} must say where its value is kept, below "
                f"{self.base_dir}: OutputDefinition(metadata={{'path': 'folder/name.pickle'}}); its metadata has "
                f"{path!r} as path."
            )
        mapping_key = context.mapping_key or mapping_key_of(context.step_key)
        return inside(self.base_dir, *([path, mapping_key] if mapping_key else [path]))


@io_manager(config_schema=BASE_DIR_CONFIG, version="1")
def custom_path_fs_io_manager(init_context: InitResourceContext) -> CustomPathPickledObjectFilesystemIOManager:
    """IO manager that keeps values on the local disk, at the path that the metadata of each output says.

    `OutputDefinition(metadata={"path": "folder/rows.pickle"})`, and `{"base_dir": "/data"}` as its config.

    Example:
        >>> from pathlib import Path
        >>> from core import ModeDefinition, OutputDefinition, custom_path_fs_io_manager, execute_solid, solid
        >>> @solid(output_defs=[OutputDefinition(metadata={"path": "folder/rows.pickle"})])
        ... def load():
        ...     return [17, 42]
        >>> files = custom_path_fs_io_manager.configured({"base_dir": "data"})
        >>> execute_solid(load, ModeDefinition(resource_defs={"io_manager": files})).output_value()
        [17, 42]
        >>> Path("data/folder/rows.pickle").exists()
        True
    """
    base_dir = init_context.resource_config.get("base_dir")
    return CustomPathPickledObjectFilesystemIOManager(base_dir or init_context.storage_directory())
