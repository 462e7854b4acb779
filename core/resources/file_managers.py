"""File managers as resources: on the local disk, and in memory."""

from __future__ import annotations

from pathlib import Path

from core.config import Field, StringSource
from core.definitions.resource import InitResourceContext, resource
from core.files.local import LocalFileManager
from core.files.memory import InMemoryFileManager


@resource(
    config_schema={
        "base_dir": Field(
            StringSource,
            is_required=False,
            description="The directory of the files; by default `files` in the instance's storage directory.",
        )
    },
    version="1",
)
def local_file_manager(init_context: InitResourceContext) -> LocalFileManager:
    """File manager that keeps files on the local disk.

    Files belong to no run, because the handles of a memoized run may outlive the run that wrote the files.

    Example:
        >>> from core import ModeDefinition, execute_solid, local_file_manager, solid
        >>> @solid(required_resource_keys={"file_manager"})
        ... def save(context):
        ...     handle = context.resources.file_manager.write_data(b"id,total", ext="csv")
        ...     return context.resources.file_manager.read_data(handle)
        >>> files = local_file_manager.configured({"base_dir": "files"})
        >>> execute_solid(save, ModeDefinition(resource_defs={"file_manager": files})).output_value()
        b'id,total'
    """
    base_dir = init_context.resource_config.get("base_dir")
    return LocalFileManager(base_dir or str(Path(init_context.storage_directory()) / "files"))


@resource(version="1")
def mem_file_manager(_init_context: InitResourceContext) -> InMemoryFileManager:
    """File manager that keeps files in memory: each run has its own, and they are gone with it.

    Example:
        >>> from core import build_solid_context, mem_file_manager, solid
        >>> @solid(required_resource_keys={"file_manager"})
        ... def save(context):
        ...     return context.resources.file_manager.write_data(b"id,total", ext="csv")
        >>> save(build_solid_context(resources={"file_manager": mem_file_manager}))
        InMemoryFileHandle('...csv')
    """
    return InMemoryFileManager()
