"""Listing and deleting the versions that an IO manager keeps in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from core.disk.deleting import delete_emptied, failing_clearly
from core.disk.paths import can_name_file, file_name, inside
from core.errors import DagsterStorageError
from core.values.stored_version import StoredVersion, stored_version


def versions_on_disk(folder: Path) -> Iterator[StoredVersion]:
    """The versions at `{folder}/{step_key}/{output_name}/[{mapping_key}/]{version}`, in no order.

    Temporary files, links and what else is there are passed over.

    Raises:
        DagsterStorageError: a folder cannot be read.
    """
    for parent, _, file_names in os.walk(folder, onerror=_raise_unless_gone):
        names = _names(Path(parent).relative_to(folder).parts)
        if names is None:
            continue
        for name in file_names:
            path = Path(parent, name)
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = path.lstat()
                stored_at = datetime.fromtimestamp(status.st_mtime, UTC)
                found = stored_version([*names, name], str(path), status.st_size, stored_at)
                if found is not None and stat.S_ISREG(status.st_mode):
                    yield found


def delete_on_disk(folder: Path, stored: StoredVersion) -> bool:
    """Deletes a version and the folders that it leaves empty; False where it was gone.

    Raises:
        DagsterInvariantViolationError: a link leads out of `folder` there.
        DagsterStorageError: the system does not allow it.
    """
    path = inside(folder, *(file_name(name, "step key, output name or version") for name in stored.names))
    with failing_clearly(f"the values in {folder}"):
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        delete_emptied(path.parent, folder.parent)
    return True


def _names(segments: tuple[str, ...]) -> list[str] | None:
    """The names that `file_name` made `segments` from; None where it makes others of them."""
    names = [unquote(segment) for segment in segments]
    is_ours = all(map(can_name_file, names)) and tuple(file_name(name, "name") for name in names) == segments
    return names if is_ours else None


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise DagsterStorageError(f"Cannot list the values in {error.filename}: {error.strerror}.") from error
