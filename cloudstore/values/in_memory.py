"""How much encoded content is in memory, when many values are loaded at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.forks import reset_in_forked_children

MOST_BYTES = 64 << 20


class MemoryShares:
    """Lets contents into memory as long as all of them together take so much; a larger one when it is alone.

    Args:
        most_bytes: how much.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """In a forked child no other thread holds anything."""
        self._changed = threading.Condition()
        self._held_bytes = 0

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """What is to be called with the size of a content in bytes before it is fetched, and waits until there is room.

        It may be called again for another content that takes the place of the one before. When the block ends, there is
        none any more.
        """
        shares: list[int] = []

        def take(size_bytes: int) -> None:
            self._give_back(shares)
            with self._changed:
                self._changed.wait_for(
                    lambda: not self._held_bytes or self._held_bytes + size_bytes <= self._most_bytes
                )
                self._held_bytes += size_bytes
                shares.append(size_bytes)

        try:
            yield take
        finally:
            self._give_back(shares)

    def _give_back(self, shares: list[int]) -> None:
        with self._changed:
            while shares:
                self._held_bytes -= shares.pop()
            self._changed.notify_all()
