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
    """
    base_dir = init_context.resource_config.get("base_dir")
    return LocalFileManager(base_dir or str(Path(init_context.storage_directory()) / "files"))


@resource(version="1")
def mem_file_manager(_init_context: InitResourceContext) -> InMemoryFileManager:
    """File manager that keeps files in memory: each run has its own, and they are gone with it."""
    return InMemoryFileManager()
