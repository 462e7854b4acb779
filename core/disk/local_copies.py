"""Temporary copies of stored files on the local disk, for readers that need a path."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Hashable
from pathlib import Path, PurePosixPath

from core.disk.temporary import make_directory_of
from core.forks import fork_safe_lock


class LocalCopies:
    """A private directory with one copy per handle. Several threads may use it.

    The copies are deleted when this object is garbage collected or the process ends.

    Args:
        prefix: how the directory's name begins.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = fork_safe_lock()
        self._copies: dict[Hashable, _Copy] = {}
        self._directory = ""
        self._delete_directory: Callable[[], object] | None = None

    def get(self, handle: Hashable, name: str, fetch: Callable[[str], None]) -> str:
        """The path of the copy, which is fetched if it does not exist. Threads that need the same copy wait for it.

        Args:
            handle: identifies the original.
            name: a name whose extension the copy gets.
            fetch: creates a complete file at the given path, or none. Its exceptions are passed on unchanged, and the
                next thread, which may be waiting already, tries again.

        Raises:
            OSError: the system has no directory for temporary files.
        """
        while True:
            copy = self._copy_of(handle, name)
            with copy.lock:
                if copy.is_deleted:  # while this thread waited: start again with a new copy
                    continue
                if not Path(copy.path).exists():
                    fetch(copy.path)
                return copy.path

    def delete(self) -> None:
        """Deletes the copies, after waiting for those that are being fetched."""
        with self._lock:
            copies, self._copies = self._copies, {}
            delete_directory, self._delete_directory = self._delete_directory, None
            self._directory = ""
        for copy in copies.values():
            with copy.lock:
                copy.is_deleted = True
        if delete_directory is not None:
            delete_directory()

    def _copy_of(self, handle: Hashable, name: str) -> _Copy:
        with self._lock:
            if not (self._directory and Path(self._directory).is_dir()):
                self._open_directory()
            if handle not in self._copies:
                self._copies[handle] = _Copy(str(Path(self._directory, uuid.uuid4().hex + _plain_suffix(name))))
            return self._copies[handle]

    def _open_directory(self) -> None:
        """Opens the first directory, or another one after a cleaner of temporary files has deleted it."""
        self._directory, self._delete_directory = make_directory_of(self, self._prefix)
        self._copies = {}


class _Copy:
    """A copy, which is complete if the file exists."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = fork_safe_lock()
        self.is_deleted = False


def _plain_suffix(name: str) -> str:
    """The extension of a name, for readers that depend on it; "" if it has unusual characters or is too long."""
    suffix = PurePosixPath(name).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9_-]{1,20}", suffix) else ""
