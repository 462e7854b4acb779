"""Deletes files and folders. Deletion may be interrupted and repeated, and done by two processes at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.disk.paths import inside, real_path
from core.errors import DagsterError, DagsterInvariantViolationError, DagsterStorageError


def folder_to_delete(base: Path, *names: str) -> Path:
    """`base / names...`, which need not exist.

    Raises:
        DagsterInvariantViolationError: the path goes through a symbolic link below `base`, so its target is not ours.
    """
    folder = inside(base, *names)
    if real_path(folder) != real_path(base).joinpath(*names):
        raise DagsterInvariantViolationError(
            f"{folder} is behind a symbolic link, so nothing in it is deleted. Remove the link and try again."
        )
    return folder


def entries_of(folder: Path) -> list[Path]:
    """The entries of a folder, sorted; empty if there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def with_sizes(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Those of `paths` that exist, each with its size in bytes; for a link, the size of the link itself."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, path.lstat().st_size


def delete_folder(folder: Path) -> None:
    """Deletes a folder and everything in it, if it exists."""
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names:
            Path(parent, name).unlink(missing_ok=True)
        for path in (Path(parent, name) for name in folders):
            if path.is_symlink():
                path.unlink(missing_ok=True)
            else:
                _delete_empty(path)
    _delete_empty(folder)


def _delete_empty(folder: Path) -> None:
    with suppress(FileNotFoundError):  # another process deleted it first
        folder.rmdir()


def delete_emptied(folder: Path, below: Path) -> None:
    """Deletes `folder` and the folders above it as long as they are empty, but not `below` or anything above that."""
    for each in (folder, *folder.parents):
        if each == below:
            return
        try:
            each.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # it is not empty
            return


@contextmanager
def failing_clearly(what: str) -> Iterator[None]:
    """Within the block, an operating system error becomes one that says what could not be deleted.

    Raises:
        DagsterStorageError: a file cannot be deleted.
    """
    try:
        yield
    except DagsterError:  # some of which are OSErrors too
        raise
    except OSError as error:
        raise DagsterStorageError(
            f"Cannot delete all of {what}: {error.filename}: {error.strerror}. Fix the cause and repeat the deletion."
        ) from error
