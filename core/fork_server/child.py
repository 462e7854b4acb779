"""A child of the fork server: it executes one attempt at a step, tells what happens, and ends."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from core.disk.descriptors import move_out_of_the_way
from core.events.records import EventLogEntry
from core.execution.worker.records import StepJob, StepOutcome
from core.execution.worker.steps import StepWorker
from core.fork_server.randomness import RandomStates
from core.forks import end_forked_child, ending_forked_children
from core.process.bound_life import end_with_parent
from core.process.exit_codes import CUT_OFF
from core.process.frames import write_frame

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupt:
    """What interrupts this process.

    Attributes:
        came: whether it was.
    """

    came = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.default_int_handler(number, frame)


_interrupt = _Interrupt()


def be_child(parent_pid: int | None) -> None:
    """Makes this process, which was just forked or started, one for a job: in its own group, without a terminal.

    A signal that came since it was forked, where they were blocked, takes effect here.

    Args:
        parent_pid: of the process with which it ends; None for none, in which case the signals stay blocked.
    """
    os.setsid()
    if parent_pid is not None:
        end_with_parent(parent_pid, signal.SIGKILL)
    for number in (*STOPPING, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, _interrupt.handle)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if parent_pid is not None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def forget_parents_exit() -> None:
    """In a forked child: what its parent does when it ends is not done here. What the step asks for is."""
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None:
        processes._children.clear()  # as `multiprocessing` does in its own children


def execute_and_exit(worker: StepWorker, job: StepJob, descriptor: int, states: RandomStates) -> NoReturn:
    """Executes an attempt at a step in this process, and ends it.

    Args:
        worker: the run.
        job: the attempt.
        descriptor: where what happens is told.
        states: of random numbers, from which those of this process follow.
    """
    code = 1
    try:
        states.set_for(f"{job.attempt.step_key} {job.attempt.number}")
        teller = _Teller(descriptor)
        with ending_forked_children():
            teller.tell(worker.execute(job, teller.take, lambda: _interrupt.came))
        do_what_python_does_at_its_end()
        code = 0
    except _CutOffError:
        code = CUT_OFF
    except BrokenPipeError:  # the process of the run is gone, which has been told elsewhere
        pass
    except BaseException as error:  # noqa: BLE001  shown as Python does, by which the run learns of it
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        flush()
        os._exit(code)


def tell_and_exit(outcome: StepOutcome, descriptor: int) -> NoReturn:
    """Ends this process, which could execute no step."""
    try:
        write_frame(descriptor, outcome)
    finally:
        os._exit(1)


class _CutOffError(Exception):
    """Nothing more can be told."""


class _Teller:
    """Tells the process of the run what happens.

    Args:
        descriptor: where to.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = move_out_of_the_way(descriptor)
        self._file, self._pid, self._lock = _file_at(self._descriptor), os.getpid(), threading.Lock()

    def take(self, entry: EventLogEntry) -> None:
        """Tells what was logged."""
        if os.getpid() != self._pid:  # in a process that the user's code has forked, as in one of the run's
            if entry.dagster_event is not None:
                end_forked_child(sys.exception())
            return
        self.tell(entry)

    def tell(self, message: object) -> None:
        """Tells anything; raises _CutOffError where code of the user's has closed the descriptor, and may have opened
        a file of its own there.
        """
        with self._lock:
            if _file_at(self._descriptor) != self._file:
                raise _CutOffError
            write_frame(self._descriptor, message)


def _file_at(descriptor: int) -> tuple[int, int] | None:
    """What tells the file at a descriptor from others; None where there is none."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def flush() -> None:
    """Writes what `print` holds back."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def do_what_python_does_at_its_end() -> None:
    """What Python does at its end, but for what takes time and changes nothing outside: threads are waited for, and
    what was registered for the end is called. The process of the run does not wait for ever.
    """
    flush()
    util = sys.modules.get("multiprocessing.util")
    ends = [threading._shutdown, atexit._run_exitfuncs, *([util._exit_function] if util else [])]  # type: ignore[attr-defined]
    for end in ends:  # pools end by the first, as in processes that `multiprocessing` forks
        try:
            end()
        except Exception as error:  # noqa: BLE001  the step has ended, however it is put away
            sys.excepthook(type(error), error, error.__traceback__)
