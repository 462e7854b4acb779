"""What becomes of a process's forked children: they begin anew, and never go on as the run of their parent.

A child gets a copy of all that its parent has: locks in whatever state they are, connections that both would use, and
the stack of the run in whose step it was forked. Who has such things says here what to do with them in a child.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, Protocol
from weakref import WeakSet

INTERRUPTED_EXIT_CODE = 130  # 128 + SIGINT, the convention of shells


class ResetAfterFork(Protocol):
    """Has locks or threads. A forked child gets the locks in whatever state they are, and none of the threads."""

    def reset_after_fork(self) -> None:
        """Called in a forked child before anything else there: makes new locks, and forgets the threads."""


_kept: WeakSet[ResetAfterFork] = WeakSet()


def reset_in_forked_children(kept: ResetAfterFork) -> None:
    """Has `kept.reset_after_fork()` called in every forked child, as long as `kept` exists."""
    _kept.add(kept)


_locks: WeakSet[Any] = WeakSet()


def fork_safe_lock() -> threading.Lock:
    """A lock that is free in a forked child, where a thread that has it in the parent will never release it.

    What it guards must be whole enough at every moment for a child that gets a copy of it.
    """
    lock = threading.Lock()
    _locks.add(lock)
    return lock


def _reset_all() -> None:
    for lock in list(_locks):
        lock._at_fork_reinit()  # as the locks of the standard library do
    for each in list(_kept):
        each.reset_after_fork()


os.register_at_fork(after_in_child=_reset_all)


@contextmanager
def ending_forked_children() -> Iterator[None]:
    """Runs code of the user's, which may fork. A child that comes out of the block ends there, and runs no cleanup.

    What follows the block is done once, by the process that entered it. See `end_if_forked`.
    """
    pid = os.getpid()
    try:
        yield
    except BaseException as error:  # whatever brings a child here ends it; in the parent it is raised again
        end_if_forked(pid, error)
        raise
    end_if_forked(pid)


def end_if_forked(pid: int, error: BaseException | None = None) -> None:
    """Ends this process, if it is not the one with the id `pid` but a child of it; else does nothing.

    Args:
        pid: of the process that may go on.
        error: what brings the child here. It is shown on stderr, and decides the exit code as Python's own end does.
    """
    if os.getpid() != pid:
        end_forked_child(error)


def end_forked_child(error: BaseException | None = None) -> NoReturn:
    """Ends this process, a forked child: its cleanups, at exit and on the stack, are those of its parent."""
    code = 1
    try:
        code = _shown(error)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or an object in its place that cannot
                stream.flush()
    finally:
        os._exit(code)


def _shown(error: BaseException | None) -> int:
    """Shows what ends a process, as Python does; returns its exit code."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return (error.code or 0) & 0xFF
        shown = f"{error.code}\n"
    else:
        shown = "".join(traceback.format_exception(error))
    with suppress(Exception):
        sys.stderr.write(shown)
    return INTERRUPTED_EXIT_CODE if isinstance(error, KeyboardInterrupt) else 1
