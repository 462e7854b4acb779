"""Following a log while it is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from core.compute_logs.names import ComputeIOType
from core.compute_logs.pieces import MAX_BYTES_FILE_READ, ComputeLogFileData


class FollowedLogs(Protocol):
    """What a reader needs of a compute log manager."""

    follow_interval_seconds: float

    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool: ...

    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData: ...

    def on_subscribe(self, subscription: ComputeLogSubscription) -> None: ...

    def on_unsubscribe(self, subscription: ComputeLogSubscription) -> None: ...


class ComputeLogSubscription:
    """A reader of one log; iterating gives its pieces as they are written, and ends when the log is complete.

    Args:
        manager: whose log it is.
        run_id: the run.
        key: the step.
        io_type: the stream.
        cursor: where to begin, in bytes; 0, or the cursor of a piece.
        attempt: which attempt at the step, from 1.

    Attributes:
        is_over: asked before each wait whether to stop although the manager does not know of an end.
    """

    def __init__(
        self,
        manager: FollowedLogs,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        attempt: int = 1,
    ) -> None:
        self.manager = manager
        self.run_id = run_id
        self.key = key
        self.io_type = io_type
        self.cursor = cursor
        self.attempt = attempt
        self.is_over: Callable[[], bool] = lambda: False
        self._changed = threading.Event()

    def __iter__(self) -> Iterator[ComputeLogFileData]:
        """Yields pieces that hold something.

        Raises:
            DagsterObjectStoreError: the place of the log cannot be reached.
        """
        self.manager.on_subscribe(self)
        try:
            while True:
                # Before reading, so that what was written until then has been read when this is said.
                is_complete = self.is_over() or self.manager.is_watch_completed(self.run_id, self.key, self.attempt)
                piece = self.manager.read_logs_file(
                    self.run_id, self.key, self.io_type, self.cursor, attempt=self.attempt
                )
                if piece.data:
                    self.cursor = piece.cursor
                    yield piece
                elif is_complete:
                    return
                else:
                    self._changed.wait(self.manager.follow_interval_seconds)
                    self._changed.clear()
        finally:
            self.manager.on_unsubscribe(self)

    def look_again(self) -> None:
        """Has a waiting reader look whether there is more; may be called from any thread."""
        self._changed.set()
