"""Deleting files and folders, so that it may be cut short and repeated, and done by two processes at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.disk.paths import inside
from core.errors import DagsterError, DagsterInvariantViolationError, DagsterStorageError


def folder_to_delete(base: Path, *names: str) -> Path:
    """`base / names...`, which need not be there.

    Raises:
        DagsterInvariantViolationError: a symbolic link below `base` leads there; what is behind it is something else's.
    """
    folder = inside(base, *names)
    if folder.resolve() != base.resolve().joinpath(*names):
        raise DagsterInvariantViolationError(
            f"{folder} is behind a symbolic link, so nothing there is deleted. Remove the link, and try again."
        )
    return folder


def entries_of(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing where there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def with_sizes(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    """Those of `paths` that are there, each with its size in bytes; links have one of their own."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path, path.lstat().st_size


def delete_folder(folder: Path) -> None:
    """Deletes a folder and all in it; one that is not there is no error."""
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
    with suppress(FileNotFoundError):  # another process deletes it too
        folder.rmdir()


def delete_emptied(folder: Path, below: Path) -> None:
    """Deletes `folder` and the folders above it, up to `below`, as far as they are empty."""
    for each in (folder, *folder.parents):
        if each == below:
            return
        try:
            each.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # something is in it
            return


@contextmanager
def failing_clearly(what: str) -> Iterator[None]:
    """Within it, what the system does not allow is an error that says so.

    Raises:
        DagsterStorageError: a file cannot be deleted.
    """
    try:
        yield
    except DagsterError:  # some of which are OSErrors too
        raise
    except OSError as error:
        raise DagsterStorageError(
            f"Cannot delete all of {what}: {error.filename}: {error.strerror}. What is left can be deleted again later."
        ) from error
