"""Processes that a step may have left running."""

from __future__ import annotations

import itertools
import os
import resource
import signal

from core.process.children import children_of, has_children


class Children:
    """Whether processes may be left that a step started, directly or by others."""

    def __init__(self) -> None:
        self._living_before = _living()
        self._ended_before = self._of_ended()

    def may_be_left(self) -> bool:
        # One that has ended since may have left one of its own. Processes that nobody waits for are not counted.
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            return True
        return self._of_ended() != self._ended_before or not _living() <= self._living_before

    @staticmethod
    def _of_ended() -> int:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt  # no process comes to life without one


_unknown = itertools.count(-1, -1)


def _living() -> frozenset[int]:
    """Ids of the processes that this one has started and not waited for."""
    if not has_children():
        return frozenset()
    return children_of(os.getpid()) or frozenset([next(_unknown)])  # where nothing tells, any may be new
