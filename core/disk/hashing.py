"""Writing a stream and computing its digest at once."""

from __future__ import annotations

import hashlib
import io
from typing import IO, Any

_SLICE_BYTES = 1 << 20


class HashingWriter(io.BufferedIOBase):
    """Passes bytes on to a stream, counts them, and computes their SHA-256.

    It works in slices, so that a large buffer that is written at once is not held a second time before it goes to the
    disk. Libraries that write tables take it for the file that it is like.

    Attributes:
        size_bytes: how much was written.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._hasher = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        with memoryview(chunk).cast("B") as view:
            for start in range(0, len(view), _SLICE_BYTES):
                part = view[start : start + _SLICE_BYTES]
                self._hasher.update(part)
                self._stream.write(part)
            self.size_bytes += len(view)
            return len(view)

    def digest(self) -> bytes:
        """The SHA-256 of what was written so far."""
        return self._hasher.digest()
