"""The file of a log while it is written."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from core.compute_logs.size_cap import SizeCap
from core.disk.descriptors import move_out_of_the_way
from core.disk.private import make_folder, open_new

_FILE_FLAGS = os.O_RDWR | os.O_TRUNC | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)


class LogFile:
    """A file for a log, which takes the log's name when there is something in it."""

    def __init__(self, nameless_path: str) -> None:
        self.nameless_path = nameless_path
        self.descriptor = _created(nameless_path)
        self.path: str | None = None
        self.is_empty = True
        self.naming = threading.Lock()

    @classmethod
    def named(cls, path: str) -> LogFile:
        """One that has the log's name at once; where nothing is written, it is deleted in the end."""
        file = cls(path)
        file.path = path
        return file

    def name_if_written(self) -> None:
        """Gives it the log's name, if something was written."""
        if self.is_empty and os.fstat(self.descriptor).st_size:
            self.give_name()

    def give_name(self) -> None:
        """Gives it the log's name."""
        with self.naming:  # its content is shown only when it has its name
            if self.is_empty and self.path is not None:
                with suppress(OSError):  # its folder was deleted meanwhile; a step does not fail for its log
                    Path(self.nameless_path).replace(self.path)
                self.is_empty = False

    def close(self) -> None:
        """Closes it, and deletes it if it has no log's name."""
        os.close(self.descriptor)
        if self.is_empty:
            with suppress(OSError):
                Path(self.nameless_path).unlink()


def append_to_log(path: str, content: bytes, size_cap: SizeCap | None) -> None:
    """Adds what another machine has captured to the file of a log.

    Args:
        path: of the file, which is made when it is not there.
        content: the bytes.
        size_cap: how large the log may be; the middle of a larger one is given back to the disk.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = _created(path, _FILE_FLAGS & ~os.O_TRUNC)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        if size_cap is not None:
            size_cap.free_gap(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def _created(path: str, flags: int = _FILE_FLAGS) -> int:
    """The descriptor of a file in a folder that is made when it is not there."""
    while True:
        try:
            return move_out_of_the_way(open_new(path, flags))
        except FileNotFoundError:  # also when somebody has deleted the folder just now, because it was empty
            make_folder(Path(path).parent)
