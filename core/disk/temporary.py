"""Temporary directories that are deleted with their owner."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from core.disk.private import keep_private


def make_directory_of(owner: object, prefix: str) -> tuple[str, weakref.finalize[[str, int], object]]:
    """Makes a private directory, which is deleted when its owner is garbage collected or the process ends.

    Args:
        owner: the object that uses the directory.
        prefix: how the directory's name begins.

    Returns:
        tuple: its path, and a function that deletes it earlier; in a forked child, which has only a copy of the owner,
            nothing is deleted.

    Raises:
        OSError: the system has no directory for temporary files.
    """
    import tempfile  # 2 ms to import; most processes make no such directory

    directory = tempfile.mkdtemp(prefix=prefix)
    keep_private(Path(directory))
    return directory, weakref.finalize(owner, _delete_own, directory, os.getpid())


def _delete_own(directory: str, owner_pid: int) -> None:
    if os.getpid() == owner_pid:
        import shutil  # 2 ms to import; most processes make no such directory

        shutil.rmtree(directory, ignore_errors=True)
