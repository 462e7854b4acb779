"""Directories among the system's temporary files that go with the object they were made for."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref


def make_directory_of(owner: object, prefix: str) -> tuple[str, weakref.finalize[[str, int], object]]:
    """Makes a private directory. It is deleted when its owner is collected or the process ends, or on a call.

    Args:
        owner: whose directory it is.
        prefix: how the directory's name begins.

    Returns:
        tuple: its path, and what deletes it when called; it does nothing in a forked child, whose owner is a copy.

    Raises:
        OSError: there is no place for temporary files.
    """
    directory = tempfile.mkdtemp(prefix=prefix)
    return directory, weakref.finalize(owner, _delete_own, directory, os.getpid())


def _delete_own(directory: str, owner_pid: int) -> None:
    if os.getpid() == owner_pid:
        shutil.rmtree(directory, ignore_errors=True)
