"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def load_prctl() -> None:
    """Loads what `end_with_parent` calls, which a forked child that may hold no lock can then call."""
    if sys.platform == "linux" and not _loaded:
        _loaded.append(ctypes.CDLL(None, use_errno=True).prctl)


_loaded: list[ctypes._NamedFuncPointer] = []


def end_with_parent(parent_pid: int, signal_number: int) -> None:
    """Has the kernel send this process a signal when its parent dies (Linux; elsewhere it does nothing).

    Where the thread of the parent that started this process ends, that counts as its death (prctl(2)).

    Args:
        parent_pid: of the parent. If it has died already, this process ends at once.
        signal_number: the signal.
    """
    load_prctl()
    for prctl in _loaded:
        prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent_pid:
        os._exit(1)


def live_on() -> None:
    """Undoes `end_with_parent`."""
    for prctl in _loaded:
        prctl(_PR_SET_PDEATHSIG, 0)
