"""The processes that this one has started."""

from __future__ import annotations

import os
from pathlib import Path


def has_children() -> bool:
    """Whether there is a process that this one has started and not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # as in most processes
        return False
    return True


def children_of(pid: int | str) -> frozenset[int]:
    """Ids of the processes that a process has started and not waited for, where the system tells (Linux)."""
    lists: list[str] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            lists.append(path.read_text())
        except OSError:  # a thread that has ended meanwhile
            continue
    return frozenset(map(int, " ".join(lists).split()))


def descendants() -> frozenset[int]:
    """Ids of the processes that this one has started, directly or by others that live, where the system tells."""
    found: frozenset[int] = frozenset()
    to_ask = [os.getpid()] if has_children() else []
    while to_ask:
        new = children_of(to_ask.pop()) - found
        found |= new
        to_ask.extend(new)
    return found
