"""Processes that a step may have left running."""

from __future__ import annotations

import os
import resource
import signal
import uuid
from pathlib import Path


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


def _living() -> frozenset[str]:
    """Ids of the processes that this one has started and not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # there are none, as in most processes
        return frozenset()
    try:
        lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:
        lists = []
    return frozenset(" ".join(lists).split()) or frozenset([uuid.uuid4().hex])  # where nothing tells, any may be new
