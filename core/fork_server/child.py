"""A child of the fork server: it executes one attempt at a step, tells what happens, and ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from core.events.records import EventLogEntry
from core.execution.worker.records import StepJob
from core.execution.worker.steps import StepWorker
from core.forks import end_forked_child, ending_forked_children
from core.log_manager import EventSink
from core.process.bound_life import end_with_parent
from core.process.frames import write_frame

_FIRST_OWN_DESCRIPTOR = 200
"""Ours are from here on, out of the way of code that closes the descriptors that programs usually have."""


def be_child(parent_pid: int) -> None:
    """Makes this process, which was just forked or started, one for a step: in its own group, without a terminal."""
    os.setpgid(0, 0)
    end_with_parent(parent_pid, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def execute_and_exit(worker: StepWorker, job: StepJob, descriptor: int) -> NoReturn:
    """Executes an attempt at a step in this process, and ends it.

    Args:
        worker: the run.
        job: the attempt.
        descriptor: where what happens is told.
    """
    code = 1
    try:
        told_at = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN_DESCRIPTOR)
        os.close(descriptor)
        _seed(f"{job.attempt.step_key} {job.attempt.number}")
        with ending_forked_children():
            write_frame(told_at, worker.execute(job, _teller(told_at)))
        _flush()
        _wait_for_threads()
        code = 0
    except BrokenPipeError:  # the process of the run is gone, which has been told elsewhere
        pass
    except BaseException as error:  # noqa: BLE001  shown as Python does, by which the run learns of it
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        _flush()
        os._exit(code)


def _teller(descriptor: int) -> EventSink:
    pid, lock = os.getpid(), threading.Lock()

    def tell(entry: EventLogEntry) -> None:
        if os.getpid() != pid:  # in a process that the user's code has forked, as in one of the run's
            if entry.dagster_event is not None:
                end_forked_child(sys.exception())
            return
        with lock:
            write_frame(descriptor, entry)

    return tell


def _seed(text: str) -> None:
    """Gives NumPy's global generator a state that follows from the one it has and the step, or all steps would draw the
    same numbers. Python's own does that at each fork.
    """
    random = sys.modules.get("numpy.random")
    if random is not None:
        state = random.get_state(legacy=False)
        digest = hashlib.sha256(repr((state["state"]["pos"], text)).encode() + state["state"]["key"].tobytes()).digest()
        random.seed([int.from_bytes(digest[at : at + 4], "big") for at in range(0, len(digest), 4)])


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _wait_for_threads() -> None:
    """As Python does at its end; the process of the run does not wait for ever."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
