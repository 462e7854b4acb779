"""Waiting for a change in a run database. That it tells of one is a hint, with which a daemon looks sooner."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Changes(ABC):
    """Waits for changes that anybody makes. Used by one thread, but for `end`."""

    def __init__(self) -> None:
        self._ended = threading.Event()

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Waits until something may have changed, or for `seconds`; says whether something may have."""

    def end(self) -> None:
        """Ends the wait of another thread soon."""
        self._ended.set()

    def close(self) -> None:  # noqa: B027  not all hold something
        """Lets go of its connection."""


class NoChanges(Changes):
    """Knows of none."""

    def wait(self, seconds: float) -> bool:
        self._ended.wait(seconds)
        return False
