"""Whether this process can be forked: only one that has a single thread can, since a child gets no other thread."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

_FORKED_WELL = {"jemalloc_bg_thd"}
"""Threads of libraries that see to forks themselves: jemalloc (in pyarrow, with which pandas comes) stops its thread's
work before a fork, and starts the thread anew in the child.
"""


def why_not_forked() -> str | None:
    """Why children of this process would not be as it is; None where they would."""
    if sys.platform == "darwin":
        return "its frameworks cannot be used in forked processes"
    names = sorted(each.name for each in threading.enumerate() if each is not threading.main_thread())
    if names:
        return f"importing the pipeline has started threads: {', '.join(names)}"
    _fork_once()
    others = _count_others()
    return f"importing the pipeline has started {others} threads of libraries" if others else None


def _fork_once() -> None:
    """Libraries that can be forked (OpenBLAS, say) end their threads before that, and start them when they are used."""
    child = os.fork()
    if not child:
        os._exit(0)
    with suppress(ChildProcessError):  # where the pipeline has said that nobody waits for children
        os.waitpid(child, 0)


def _count_others() -> int:
    tasks = Path("/proc/self/task")
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()] if tasks.is_dir() else []
    return max(0, sum(name not in _FORKED_WELL for name in names) - 1)
