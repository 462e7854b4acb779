"""Files that appear complete or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.disk.private import make_folder, open_new
from core.errors import DagsterStorageError

_MAX_ATTEMPTS = 10_000


@contextmanager
def atomic_write(
    path: Path,
    overwrite: bool = True,
    is_whole: Callable[[Path], bool] = Path.exists,
    temporary: Path | None = None,
) -> Iterator[IO[bytes]]:
    """A stream whose content appears at `path` when the block ends, or nowhere if the block raises.

    Args:
        path: the file; its folder is created if necessary.
        overwrite: False keeps an existing file; of several writers, the first one wins.
        is_whole: only if `overwrite` is False: whether an existing file is undamaged. A damaged file is replaced by the
            first writer that finds it.
        temporary: where the content is until then, in the same folder; a file that a killed writer left there is
            replaced. By default a name that nothing else uses.

    Raises:
        DagsterStorageError: a folder that is not empty has the file's name, or a file that of its folder. An empty
            folder, a pipe, or a link that leads back to itself is replaced.
    """
    if temporary is None:
        temporary = path.with_name(f".partial-{uuid.uuid4().hex}")
    else:
        temporary.unlink(missing_ok=True)
    stream = _open_in_new_folder(temporary)
    try:
        with stream:
            yield stream
        if overwrite:
            _replace(temporary, path)
        else:
            _publish_once(temporary, path, is_whole)
    finally:
        temporary.unlink(missing_ok=True)


def _open_in_new_folder(path: Path) -> IO[bytes]:
    for _ in range(_MAX_ATTEMPTS):
        # Another process that prunes values may delete the empty folder right now; mkdir then raises one or the other.
        try:
            return _open(path)
        except OSError as error:
            _refuse_file_on_the_way(path)
            if not isinstance(error, FileNotFoundError | FileExistsError):
                raise
    return _open(path)


def _refuse_file_on_the_way(path: Path) -> None:
    for folder in path.parents:
        if _is_no_folder(folder):
            raise DagsterStorageError(
                f"Cannot write a file in {path.parent}: {folder} is no folder. Move it away, and run again."
            )


def _is_no_folder(path: Path) -> bool:
    """Whether something else is there; asked once, since a folder may be deleted from one question to the next."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return path.is_symlink()  # to nothing
    except OSError as error:
        return error.errno == errno.ELOOP


def _open(path: Path) -> IO[bytes]:
    make_folder(path.parent)
    return os.fdopen(open_new(path, os.O_WRONLY | os.O_EXCL), "wb")


def _publish_once(temporary: Path, path: Path, is_whole: Callable[[Path], bool]) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, this fails if the name is taken
    except FileExistsError:
        if not is_whole(path):
            _repair(temporary, path, is_whole)


def _repair(temporary: Path, path: Path, is_whole: Callable[[Path], bool]) -> None:
    try:
        damaged = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
    except FileNotFoundError:  # deleted in the meantime, or a link that leads nowhere
        if path.is_symlink():
            _replace(temporary, path)
        else:
            _publish_once(temporary, path, is_whole)
        return
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        _replace(temporary, path)  # a link that leads back to itself, or a socket, which nobody can lock
        return
    try:
        fcntl.flock(damaged, fcntl.LOCK_EX)  # a writer that had to wait here then finds the repaired file at `path`
        if not is_whole(path):
            _replace(temporary, path)
    finally:
        os.close(damaged)


def _replace(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except IsADirectoryError:
        try:
            path.rmdir()
        except OSError as error:
            raise DagsterStorageError(
                f"Cannot write {path}: a folder that is not empty has this name. Move it away, and run again."
            ) from error
        temporary.replace(path)
