"""New files and folders that only their user can read, whatever the umask of the process is.

What is there already keeps its permissions. `dagster.yaml` may let the group read: `files: {group_readable: true}`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PERMISSIONS = 0o777

_is_shared = False


def let_group_read(is_shared: bool) -> None:
    """Whether the files and folders that this process makes from now on can be read by the user's group too."""
    global _is_shared
    _is_shared = is_shared


def open_new(path: str | os.PathLike[str], flags: int) -> int:
    """The descriptor of a file, which is made if it is not there; as `os.open`.

    Args:
        path: the file.
        flags: as of `os.open`; O_CREAT is added. With O_EXCL a file that is there is refused.
    """
    mode = 0o640 if _is_shared else 0o600
    while True:
        if not flags & os.O_EXCL:
            with suppress(FileNotFoundError):
                return os.open(path, flags)
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:  # made just now
            if flags & os.O_EXCL:
                raise
        else:
            if os.fstat(descriptor).st_mode & _PERMISSIONS != mode:  # the umask took more away
                os.fchmod(descriptor, mode)
            return descriptor


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where they are not there; as `Path.mkdir`."""
    try:
        path.mkdir(0o700)
    except FileNotFoundError:
        make_folder(path.parent)
        make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        keep_private(path)


def keep_private(folder: Path) -> None:
    """Gives a folder that this process has just made its permissions; a folder of the group keeps its group."""
    mode, found = 0o750 if _is_shared else 0o700, folder.stat().st_mode & 0o7777
    if found & _PERMISSIONS != mode:
        folder.chmod(found & ~_PERMISSIONS | mode)
