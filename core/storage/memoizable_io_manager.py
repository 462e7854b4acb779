"""Door to memoizable IO managers, by the name of the reference page."""

from core.resources.versioned_fs_io_manager import versioned_filesystem_io_manager
from core.values.io_manager import MemoizableIOManager

__all__ = ["MemoizableIOManager", "versioned_filesystem_io_manager"]
