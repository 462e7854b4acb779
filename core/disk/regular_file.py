"""A file where a file is expected, and a clear word where something else has come into its place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from core.errors import DagsterObjectCorruptError

_ON_THE_WAY = {errno.ENOTDIR: "is below a file", errno.ELOOP: "is a link that leads back to itself"}
_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
)


def status_of(path: Path) -> os.stat_result:
    """The status of a file; as `Path.stat`.

    Raises:
        FileNotFoundError: nothing is there.
        DagsterObjectCorruptError: what is there is no file.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise _named(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(path, found.st_mode)
    return found


def open_regular(path: Path) -> IO[bytes]:
    """A stream that reads a file. A pipe is not waited for.

    Raises:
        FileNotFoundError: nothing is there.
        DagsterObjectCorruptError: what is there is no file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _named(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _no_file(path, mode)
    return os.fdopen(descriptor, "rb")


def _named(path: Path, error: OSError) -> OSError | DagsterObjectCorruptError:
    if error.errno == errno.ENXIO:  # of a socket, and of a device without a driver
        return _fault(path, "is no file")
    return _fault(path, _ON_THE_WAY[error.errno]) if error.errno in _ON_THE_WAY else error


def _no_file(path: Path, mode: int) -> DagsterObjectCorruptError:
    return _fault(path, next((kind for is_kind, kind in _KINDS if is_kind(mode)), "is a device"))


def _fault(path: Path, what: str) -> DagsterObjectCorruptError:
    return DagsterObjectCorruptError(f"{path} {what}, where the file of a value belongs. Move it away, and run again.")
