"""Copies of stored files on the local disk, for readers that need a path."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Hashable
from pathlib import Path, PurePosixPath

from core.disk.temporary import make_directory_of


class LocalCopies:
    """A private directory with one copy a handle. It may be used from many threads.

    The copies go with this object: when it is collected, or the process ends.

    Args:
        prefix: how the directory's name begins.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._copies: dict[Hashable, _Copy] = {}
        self._directory = ""
        self._remove: Callable[[], object] | None = None

    def get(self, handle: Hashable, name: str, fetch: Callable[[str], None]) -> str:
        """The path of the copy; fetched unless it is there. Threads that ask for the same one wait for each other.

        Args:
            handle: what the copy is of.
            name: a name whose extension the copy gets.
            fetch: makes a file at the path it is given, whole or not at all. What it raises passes unchanged, and
                whoever asks next, or waits already, tries again.

        Raises:
            OSError: there is no directory for temporary files.
        """
        while True:
            copy = self._copy_of(handle, name)
            with copy.lock:
                if copy.is_deleted:  # while this thread waited; another asks for it anew
                    continue
                if not Path(copy.path).exists():
                    fetch(copy.path)
                return copy.path

    def delete(self) -> None:
        """Deletes the copies; waits for those that are being made."""
        with self._lock:
            copies, self._copies = self._copies, {}
            remove, self._remove = self._remove, None
            self._directory = ""
        for copy in copies.values():
            with copy.lock:
                copy.is_deleted = True
        if remove is not None:
            remove()

    def _copy_of(self, handle: Hashable, name: str) -> _Copy:
        with self._lock:
            if not (self._directory and Path(self._directory).is_dir()):
                self._open_directory()
            if handle not in self._copies:
                self._copies[handle] = _Copy(str(Path(self._directory, uuid.uuid4().hex + _plain_suffix(name))))
            return self._copies[handle]

    def _open_directory(self) -> None:
        """The first one, or another where what cleans up temporary files has taken it."""
        self._directory, self._remove = make_directory_of(self, self._prefix)
        self._copies = {}


class _Copy:
    """One copy: it is whole where there is a file at its path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.is_deleted = False


def _plain_suffix(name: str) -> str:
    """The extension of a name, for readers that go by it; none where it is no plain one."""
    suffix = PurePosixPath(name).suffix
    return suffix if re.fullmatch(r"\.[A-Za-z0-9_-]{1,20}", suffix) else ""
