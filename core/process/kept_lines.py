"""Lines that a process has taken and not yet put where they belong; others find them if it is killed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from core.process.journal import create_locked

HEAD = b"lines"


class KeptLines:
    """A file of lines, which exists from the first one on, until `delete`; `dead_journals` finds those of the dead.

    Where it cannot be written, nothing is kept, and nothing else happens.

    Args:
        folder: where the file is; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._descriptor: int | None = None
        self._is_usable, self._has_lines = True, False

    def append(self, line: bytes) -> None:
        """Keeps a line. Once this has returned, it outlives the process, though not the machine."""
        if not self._is_usable:
            return
        try:
            if self._descriptor is None:
                self._path, self._descriptor = create_locked(self._folder)
                self._write(HEAD)
            self._write(line)
            self._has_lines = True
        except OSError:
            self.delete()
            self._is_usable = False

    def _write(self, line: bytes) -> None:
        assert self._descriptor is not None
        if os.write(self._descriptor, line + b"\n") <= len(line):
            raise OSError("the disk is full")

    def clear(self) -> None:
        """Forgets all lines: they are where they belong."""
        if self._descriptor is not None and self._has_lines:
            with suppress(OSError):
                os.ftruncate(self._descriptor, len(HEAD) + 1)
            self._has_lines = False

    def delete(self) -> None:
        """Forgets all lines, and that there were any."""
        if self._path is not None:
            with suppress(OSError):  # deleted with its instance; or others are in the folder
                self._path.unlink(missing_ok=True)
                self._path.parent.rmdir()
        self.leave()

    def leave(self) -> None:
        """Has nothing to do with the file any more, in a forked child."""
        descriptor, self._path, self._descriptor = self._descriptor, None, None
        self._is_usable = False
        if descriptor is not None:
            os.close(descriptor)
