"""Signals that ask a program to end, while it executes a run: they raise, as Ctrl-C does, so that the run can end well.

Python handles signals in the main thread. A run in another thread is ended by none.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from core.errors import DagsterTerminatedError
from core.process.children import descendants

_TERMINATING = (signal.SIGTERM, signal.SIGHUP)
_STOPPING = (signal.SIGINT, *_TERMINATING)


class _Termination:
    """What the main thread does when it is told to end.

    Attributes:
        came: the first signal that told it since its run began.
        children_before: the processes that it had started before.
        depth: how many runs are under way: one, or more where a step executes a run of its own.
    """

    def __init__(self) -> None:
        self.forget()
        self.depth = 0

    def forget(self, children_before: frozenset[int] = frozenset()) -> None:
        self.came: int | None = None
        self.children_before = children_before

    def handle(self, number: int, _frame: FrameType | None) -> None:
        if self.came is None:
            self.came = number
            _pass_on(number, self.children_before)
        raise DagsterTerminatedError(number)


_termination = _Termination()


@contextmanager
def raising_when_terminated() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise in the main thread, where they would end the process at once.

    Processes that were started in the block, and are of the same process group, get the signal too, as they get a
    Ctrl-C. A signal that is ignored (by `nohup`, say) or that has a handler of the program's own is left alone.

    Raises:
        DagsterTerminatedError: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _TERMINATING if signal.getsignal(number) is signal.SIG_DFL]
    if not _termination.depth:  # else a step executes a run of its own
        _termination.forget(descendants())
    _termination.depth += 1
    try:
        for number in ours:
            signal.signal(number, _termination.handle)
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) == _termination.handle:  # else the program has set one of its own meanwhile
                signal.signal(number, signal.SIG_DFL)
        _termination.depth -= 1


def raise_if_terminated() -> None:
    """Raises DagsterTerminatedError once more where a signal came: the user's code may have caught and dropped it."""
    if _termination.came is not None and threading.current_thread() is threading.main_thread():
        raise DagsterTerminatedError(_termination.came)


@contextmanager
def deferring_signals() -> Iterator[None]:
    """Signals that would raise in the block, Ctrl-C among them, take effect when it has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def defer(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    handlers = {number: signal.getsignal(number) for number in _STOPPING}
    deferred: dict[int, Callable[..., Any]] = {each: handler for each, handler in handlers.items() if callable(handler)}
    try:
        for number in deferred:
            signal.signal(number, defer)
        yield
    finally:
        for number, handler in deferred.items():
            signal.signal(number, handler)
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def until_told_to_end() -> Iterator[Callable[[], None]]:
    """While the block runs in the main thread, SIGTERM, SIGHUP and Ctrl-C end nothing; what it gives waits for one.

    The system may hand a signal to any thread, and that wakes no main thread which waits for a lock or an event. So it
    waits for a byte, which is written by whichever thread it was. A signal that is ignored (by `nohup`, say) stays so.
    """
    heeded = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    wakes_before = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, _nothing) for number in heeded}

    def wait() -> None:
        while os.read(woken, 1)[0] not in heeded:
            pass

    try:
        yield wait
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakes_before)
        os.close(woken)
        os.close(wakes)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Has Python write the byte that is waited for."""


def _pass_on(number: int, children_before: frozenset[int]) -> None:
    group = os.getpgrp()
    for child in descendants() - children_before:
        with suppress(OSError):  # it has ended
            if os.getpgid(child) == group:
                os.kill(child, number)


class _HeldBack(threading.local):
    """The signals that a thread which forks had blocked before; None where no fork is under way, or none matters."""

    mask: set[signal.Signals | int] | None = None


_held_back = _HeldBack()


def _hold_back() -> None:
    """Before a fork: what comes to the child before it has let go of our handler would be lost, and it would live."""
    if _termination.depth:
        _held_back.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINATING)


def _let_through() -> None:
    if _held_back.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _held_back.mask)
        _held_back.mask = None


def _let_go() -> None:
    """In a forked child: it ends by a signal as any process, and executes no run of its parent."""
    _termination.forget()
    _termination.depth = 0
    for number in _TERMINATING:
        if signal.getsignal(number) == _termination.handle:
            signal.signal(number, signal.SIG_DFL)
    _let_through()


os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_let_go)
