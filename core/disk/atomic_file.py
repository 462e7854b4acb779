"""Files that are there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_MOST_ATTEMPTS = 10_000


@contextmanager
def atomic_write(
    path: Path, overwrite: bool = True, is_whole: Callable[[Path], bool] = Path.exists
) -> Iterator[IO[bytes]]:
    """A stream whose content appears at `path` when the block ends, and nowhere when it raises.

    Args:
        path: the file; its folder is made when it is not there.
        overwrite: False leaves a file that is there already as it is; of many writers, the first one's stays.
        is_whole: where `overwrite` is False, whether a file that is there already is to stay; one that is damaged is
            replaced, by the first writer that finds it so.
    """
    temporary = path.with_name(f".partial-{uuid.uuid4().hex}")  # not by tempfile, whose files only their owner may read
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
    for _ in range(_MOST_ATTEMPTS):
        # The folder may be empty, and whoever prunes values delete it just now; mkdir then says the one or the other.
        with suppress(FileNotFoundError, FileExistsError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _publish_once(temporary: Path, path: Path, is_whole: Callable[[Path], bool]) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, fails when the name is taken
    except FileExistsError:
        if not is_whole(path):
            _repair(temporary, path, is_whole)


def _repair(temporary: Path, path: Path, is_whole: Callable[[Path], bool]) -> None:
    try:
        damaged = path.open("rb")
    except FileNotFoundError:  # deleted just now
        _publish_once(temporary, path, is_whole)
        return
    with damaged:
        fcntl.flock(damaged, fcntl.LOCK_EX)  # who waits here finds the repaired file at `path` afterwards
        if not is_whole(path):
            temporary.replace(path)
