"""Reading logs in pieces of text."""

from __future__ import annotations

import codecs
import errno
import os
from pathlib import Path
from typing import IO

import msgspec

from core.errors import DagsterInvariantViolationError

MAX_BYTES_FILE_READ = 33_554_432

_LONGEST_CHARACTER_BYTES = 4


class ComputeLogFileData(msgspec.Struct, frozen=True):
    r"""A piece of a log.

    Attributes:
        path: the log on the local disk; None if it is not there.
        data: text, decoded as UTF-8 with replacement, from the cursor that was asked for.
        cursor: where the next piece begins, in bytes; never inside a character.
        size: of the whole log until now, in bytes.
        download_url: a URL where a browser gets the whole log.

    Example:
        >>> import os
        >>> from core import PipelineRun
        >>> from core.storage.compute_log_manager import ComputeIOType
        >>> from core.storage.local_compute_log_manager import LocalComputeLogManager
        >>> manager, run = LocalComputeLogManager("logs"), PipelineRun("greetings", run_id="a-run")
        >>> with manager.watch(run, "greet"):
        ...     written = os.write(2, b"one\ntwo\n")
        >>> piece = manager.read_logs_file("a-run", "greet", ComputeIOType.STDERR, max_bytes=4)
        >>> piece.data, piece.cursor, piece.size
        ('one\n', 4, 8)
        >>> manager.read_logs_file("a-run", "greet", ComputeIOType.STDERR, cursor=piece.cursor).data
        'two\n'
        >>> manager.dispose()
    """

    path: str | None
    data: str | None
    cursor: int
    size: int
    download_url: str | None


def decoded(raw: bytes, is_last: bool) -> tuple[str, int]:
    """Text, and the number of bytes it was decoded from; half a character at the end waits for its other half.

    Args:
        raw: bytes of a log from the beginning of a character.
        is_last: nothing comes after them, so half a character at the end is replaced by `�`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(raw, final=is_last)
    return text, len(raw) - len(decoder.getstate()[0])


def open_log(path: Path) -> IO[bytes]:
    """Opens the file of a log for reading, unless it is a symbolic link.

    Raises:
        DagsterInvariantViolationError: it is a symbolic link.
        OSError: as `open`.
    """
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise DagsterInvariantViolationError(
            f"{path} is a symbolic link, so it is not read as a log. Remove the link, and try again."
        ) from error


def check_piece(cursor: int, max_bytes: int) -> None:
    """Refuses a cursor or a size that no piece of a log can have.

    Raises:
        DagsterInvariantViolationError: the cursor is negative, or a character may not fit into `max_bytes`.
    """
    if cursor < 0:
        raise DagsterInvariantViolationError(
            f"The cursor must be 0 or the cursor of a piece that was read before, got {cursor!r}."
        )
    if max_bytes < _LONGEST_CHARACTER_BYTES:
        raise DagsterInvariantViolationError(
            f"max_bytes must be at least {_LONGEST_CHARACTER_BYTES}, the length of the longest character, "
            f"got {max_bytes!r}."
        )


def read_piece(
    path: Path, cursor: int, max_bytes: int, is_complete: bool, end: int | None = None
) -> ComputeLogFileData:
    """A piece of a log file, which ends between two characters.

    Args:
        path: the file; if it does not exist the piece is empty.
        cursor: where to begin, in bytes.
        max_bytes: the maximum number of bytes.
        is_complete: nothing more will be written, so half a character at the end is replaced by `�`.
        end: the bytes from here on are not read.

    Raises:
        DagsterInvariantViolationError: the file is a symbolic link; or as `check_piece`.
    """
    check_piece(cursor, max_bytes)
    try:
        with open_log(path) as stream:
            size = stream.seek(0, 2)
            stream.seek(min(cursor, size))
            most = max_bytes if end is None else min(max_bytes, max(0, end - cursor))
            raw = stream.read(most)
    except FileNotFoundError:
        return ComputeLogFileData(path=None, data=None, cursor=cursor, size=0, download_url=None)
    text, used = decoded(raw, is_complete and cursor + len(raw) >= size)
    return ComputeLogFileData(str(path), text, cursor + used, size, None)
