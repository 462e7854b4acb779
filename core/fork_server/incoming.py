"""What a fork server is told: messages, and descriptors that come with them."""

from __future__ import annotations

import socket
from collections import deque
from typing import Any

from core.process.frames import READ_BYTES, FrameReader

_MOST_DESCRIPTORS = 16  # that come with what is read at once


class Messages:
    """What comes over the socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = FrameReader()
        self._waiting: deque[Any] = deque()
        self._descriptors: deque[int] = deque()

    def receive(self) -> bool:
        """Reads what is there; False where the other end is closed."""
        content, descriptors, _, _ = socket.recv_fds(self._socket, READ_BYTES, _MOST_DESCRIPTORS)
        self._descriptors.extend(descriptors)
        self._waiting.extend(self._reader.feed(content))
        return bool(content)

    def next(self) -> Any:
        """The next message, waited for; None where the other end is closed."""
        while not self._waiting:
            if not self.receive():
                return None
        return self._waiting.popleft()

    def take_waiting(self) -> Any:
        """The next message that was read; None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def take_descriptor(self) -> int:
        """The descriptor that came with the message which was taken last."""
        return self._descriptors.popleft()
