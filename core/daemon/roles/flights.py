"""Work in threads, side by side, so that what takes long delays nothing else."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class Flights:
    """Work that is under way, each under a key; what there is no thread for waits its turn.

    The threads are daemons: a process ends without waiting for them.

    Args:
        at_most: how many threads there may be.
    """

    def __init__(self, at_most: int = 64) -> None:
        self._at_most = at_most
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._keys: set[str] = set()
        self._threads = 0
        self._errors: list[Exception] = []

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> set[str]:
        """Of the work that is under way, or waits for a thread."""
        with self._changed:
            return set(self._keys)

    def start(self, key: str, work: Callable[[], None]) -> None:
        """Does the work in a thread; nothing, where there is work under that key already."""
        with self._changed:
            if key in self._keys:
                return
            self._keys.add(key)
            self._waiting.append((key, work))
            if self._threads < self._at_most:
                self._threads += 1
                threading.Thread(target=self._work, name=f"daemon-{key[:8]}", daemon=True).start()

    def take_errors(self) -> list[Exception]:
        """What work raised since this was last asked; work sees to the errors that it expects itself."""
        with self._changed:
            errors, self._errors = self._errors, []
        return errors

    def wait(self, timeout_seconds: float = 60) -> bool:
        """Waits until no work is left; returns whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._keys, timeout_seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._threads -= 1
                    return
                key, work = self._waiting.popleft()
            try:
                work()
            except Exception as error:  # noqa: BLE001  the role is asked for it
                with self._changed:
                    self._errors.append(error)
            with self._changed:
                self._keys.discard(key)
                self._changed.notify_all()
