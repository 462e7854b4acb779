"""What a forked child does with the storages and clients that it got from its parent."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class ResetAfterFork(Protocol):
    """Has locks or threads. A forked child gets the locks in whatever state they are, and none of the threads."""

    def reset_after_fork(self) -> None:
        """Called in a forked child before anything else there: makes new locks, and forgets the threads."""


_kept: WeakSet[ResetAfterFork] = WeakSet()


def reset_in_forked_children(kept: ResetAfterFork) -> None:
    """Has `kept.reset_after_fork()` called in every forked child, as long as `kept` exists."""
    _kept.add(kept)


def _reset_all() -> None:
    for each in list(_kept):
        each.reset_after_fork()


os.register_at_fork(after_in_child=_reset_all)
