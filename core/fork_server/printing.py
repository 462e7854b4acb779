"""Where what a pipeline prints while it is loaded goes: the process of the run has loaded it before, and shown that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from core.compute_logs.capturing.captured_stream import flush_all
from core.disk.descriptors import duplicate_out_of_the_way

_STREAMS = (1, 2)


@contextmanager
def printing_to(descriptor: int) -> Iterator[None]:
    """Within the block, what is printed goes to a file, which is closed at its end.

    Afterwards the streams are as they were, unless code in the block has pointed them elsewhere.

    Args:
        descriptor: the file.
    """
    kept: dict[int, int] = {}
    for number in _STREAMS:
        with suppress(OSError):  # the program was started without that one
            kept[number] = duplicate_out_of_the_way(number)
            os.dup2(descriptor, number)
    try:
        yield
    finally:
        flush_all()
        for number, before in kept.items():
            with suppress(OSError):  # code that was loaded can close everything
                if os.path.sameopenfile(number, descriptor):
                    os.dup2(before, number)
                os.close(before)
        with suppress(OSError):
            os.close(descriptor)
