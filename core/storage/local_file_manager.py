"""The local file manager as a resource."""

from __future__ import annotations

from pathlib import Path

from core.config import Field, StringSource
from core.definitions.resource import InitResourceContext, resource
from core.storage.file_manager import LocalFileManager


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
    return LocalFileManager(base_dir or str(Path(init_context.instance.storage_directory()) / "files"))
