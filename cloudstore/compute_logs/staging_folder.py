"""Where logs are staged on the local disk by default: a folder that only its user can read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from core.disk.private import make_folder
from core.errors import DagsterInvariantViolationError


def default_staging_folder() -> Path:
    """This user's folder in the system's temporary directory; it need not be there.

    Raises:
        DagsterInvariantViolationError: it belongs to another user.
    """
    folder = Path(tempfile.gettempdir(), f"cloudstore-compute-logs-{os.getuid()}")
    if folder.exists():
        _check_owner(folder)
    return folder


def make_staging_folder(folder: Path) -> None:
    """Makes the folder of `default_staging_folder` if it is not there, just before something is written to it.

    Raises:
        DagsterInvariantViolationError: it belongs to another user.
        OSError: it cannot be made.
    """
    make_folder(folder)
    _check_owner(folder)


def _check_owner(folder: Path) -> None:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise DagsterInvariantViolationError(
            f"{folder} belongs to another user; set local_dir of S3ComputeLogManager to a folder of yours."
        )
