"""Noticing changes in a SQLite database."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from core.storage.runs.changes import Changes

_LOOK_SECONDS = 0.1


class SqliteChanges(Changes):
    """Looks at the number that SQLite counts up when another connection changes the file, which takes microseconds.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._seen: int | None = None

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._ended.wait(min(_LOOK_SECONDS, left)):
            number = self._number()
            if number is not None and number != self._seen:
                self._seen, before = number, self._seen
                return before is not None
        return False

    def _number(self) -> int | None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
            (number,) = self._connection.execute("PRAGMA data_version").fetchone()
            return int(number)
        except sqlite3.Error:  # who reads and writes it says what is wrong
            self.close()
            return None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
