"""What a process has written last."""

from __future__ import annotations

from typing import BinaryIO

from core.printable import printable

_LINES, _BYTES = 20, 4096


def last_lines(file: BinaryIO) -> str:
    """The last lines of a file, at most 20 with at most 4096 bytes, fit for a terminal; "" where it is empty."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _BYTES))
    lines = file.read(_BYTES).decode("utf-8", "replace").splitlines()
    return "\n".join(map(printable, lines[-_LINES:]))
