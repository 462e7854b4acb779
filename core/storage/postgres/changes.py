"""Noticing changes in a PostgreSQL database."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import psycopg

from core.storage.runs.changes import Changes


class PostgresChanges(Changes):
    """Listens to what the storages of all processes tell when they have changed something.

    Args:
        url: as psycopg takes it.
        channel: to which it is told.
    """

    def __init__(self, url: str, channel: str) -> None:
        super().__init__()
        self._url, self._channel = url, channel
        self._connection: Any = None

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._ended.is_set():
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(self._url, autocommit=True)
                    self._connection.execute(f"LISTEN {self._channel}")
                    return True  # what was told before is unknown
                for _ in self._connection.notifies(timeout=min(left, 0.5), stop_after=1):
                    return True
            except psycopg.Error:  # the server is away; who uses it says so
                self.close()
                self._ended.wait(min(left, 1.0))
        return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()
