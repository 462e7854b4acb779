"""Objects between processes of one run: pickled, each behind its length, over a pipe or a socket."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from typing import Any

_LENGTH_BYTES = 8
READ_BYTES = 1 << 16


def frame(message: object) -> bytes:
    """A message as bytes that `FrameReader` makes it of again.

    Raises:
        Exception: it cannot be pickled.
    """
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def write_frame(descriptor: int, message: object) -> None:
    """Writes a message, all of it; raises OSError as `os.write`."""
    left = memoryview(frame(message))
    while left:
        left = left[os.write(descriptor, left) :]


class FrameReader:
    """Makes messages of bytes as they come. They must come from a process of the same user and the same code."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def has_rest(self) -> bool:
        """bool: whether it waits for the rest of a message."""
        return bool(self._bytes)

    def feed(self, content: bytes) -> Iterator[Any]:
        """The messages that are whole now, in order; what is left of it waits for more bytes."""
        self._bytes += content
        while len(self._bytes) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._bytes[:_LENGTH_BYTES], "big")
            if len(self._bytes) < end:
                return
            message = pickle.loads(memoryview(self._bytes)[_LENGTH_BYTES:end].tobytes())
            del self._bytes[:end]
            yield message
