"""Whether this process can be forked: only one that has a single thread can, since a child gets no other thread."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path


def why_not_forked() -> str | None:
    """Why children of this process would not be as it is; None where they would."""
    if sys.platform == "darwin":
        return "its frameworks cannot be used in forked processes"
    names = sorted(each.name for each in threading.enumerate() if each is not threading.main_thread())
    if names:
        return f"importing the pipeline has started threads: {', '.join(names)}"
    _fork_once()
    others = _count_tasks() - 1
    return f"importing the pipeline has started {others} threads of libraries" if others else None


def _fork_once() -> None:
    """Libraries that can be forked (OpenBLAS, say) end their threads before that, and start them when they are used."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _count_tasks() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 1
