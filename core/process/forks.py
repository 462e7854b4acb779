"""What a forked child does with the storages it got from its parent."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class BeginsAnew(Protocol):
    """Something with locks or threads. A child gets the locks as they are, and none of the threads."""

    def begin_anew(self) -> None:
        """Called in a forked child, before anything else there: makes the locks anew, and forgets the threads."""


_kept: WeakSet[BeginsAnew] = WeakSet()


def begins_anew_in_children(kept: BeginsAnew) -> None:
    """Has `kept.begin_anew()` called in every forked child, as long as it is there."""
    _kept.add(kept)


def _begin_all_anew() -> None:
    for each in list(_kept):
        each.begin_anew()


os.register_at_fork(after_in_child=_begin_all_anew)
