"""Door to `core.files`, by the name that users import and that pickled handles state."""

from core.files.local import LocalFileHandle, LocalFileManager
from core.files.manager import FileHandle, FileManager
from core.resources.file_managers import local_file_manager

__all__ = ["FileHandle", "FileManager", "LocalFileHandle", "LocalFileManager", "local_file_manager"]
