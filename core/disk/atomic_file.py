"""Files that appear complete or not at all."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from core.disk.private import make_folder, open_new

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
            temporary.replace(path)
        else:
            _publish_once(temporary, path, is_whole)
    finally:
        temporary.unlink(missing_ok=True)


def _open_in_new_folder(path: Path) -> IO[bytes]:
    for _ in range(_MAX_ATTEMPTS):
        # Another process that prunes values may delete the empty folder right now; mkdir then raises one or the other.
        with suppress(FileNotFoundError, FileExistsError):
            return _open(path)
    return _open(path)


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
        damaged = path.open("rb")
    except FileNotFoundError:  # deleted in the meantime
        _publish_once(temporary, path, is_whole)
        return
    with damaged:
        fcntl.flock(damaged, fcntl.LOCK_EX)  # a writer that had to wait here then finds the repaired file at `path`
        if not is_whole(path):
            temporary.replace(path)
