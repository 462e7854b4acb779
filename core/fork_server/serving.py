"""The fork server of a run: it imports the pipeline once, forks a child for each step, and tells when one has ended.

It has one thread, and executes no step itself. The process of the run and it talk over a socket: `messages.py`.
"""

from __future__ import annotations

import gc
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from core.execution.worker.steps import StepWorker
from core.executors import default_executors
from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Ended, NotReady, Ready, Send, Setup
from core.fork_server.child import be_child, execute_and_exit
from core.fork_server.threads import why_not_forked
from core.loading.pipelines import load_origin
from core.process.bound_life import end_with_parent
from core.process.frames import READ_BYTES, FrameReader, frame
from core.serdes import error_info

_MOST_DESCRIPTORS = 16  # that come with what is read at once


def main(descriptor: int, parent_pid: int, is_for_one: bool) -> None:
    """Serves a run until the other end of the socket is closed.

    Args:
        descriptor: the socket.
        parent_pid: of the process that started this one; this one does not outlive it.
        is_for_one: whether this process executes the first step that is asked for itself, and ends.
    """
    if is_for_one:
        be_child(parent_pid)
    else:
        end_with_parent(parent_pid, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process of the run decides when steps end
    with socket.socket(fileno=descriptor) as connected:
        messages = _Messages(connected)
        setup = messages.next()
        if not isinstance(setup, Setup):
            return  # the process of the run has ended
        started, modules_before = time.perf_counter(), len(sys.modules)
        try:
            worker = _worker(setup)
        except BaseException as error:  # noqa: BLE001  code of the user's can raise anything while it is imported
            connected.sendall(frame(NotReady(error_info(error))))
            return
        if is_for_one:
            begin = messages.next()
            if isinstance(begin, Begin):
                worker.learn(begin.job.known)
                execute_and_exit(worker, begin.job, messages.take_descriptor())
            return
        reason = why_not_forked()
        seconds, modules = time.perf_counter() - started, len(sys.modules) - modules_before
        connected.sendall(frame(Ready(modules, seconds, _peak_bytes(resource.getrusage(resource.RUSAGE_SELF)), reason)))
        gc.collect()
        gc.freeze()  # so that collecting garbage in a child does not copy all pages of the parent
        _Server(connected, messages, setup, worker, reason is None).serve()


def _worker(setup: Setup) -> StepWorker:
    sys.path[:], sys.argv[:] = setup.search_path, setup.arguments
    return StepWorker(setup.run, load_origin(setup.run.origin), default_executors)


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Messages:
    """What comes over the socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._reader = FrameReader()
        self._waiting: deque[Any] = deque()
        self._descriptors: deque[int] = deque()

    def receive(self) -> bool:
        """Reads what is there; False where the other end is closed."""
        content, descriptors, _, _ = socket.recv_fds(self._socket, READ_BYTES, _MOST_DESCRIPTORS)
        self._descriptors.extend(descriptors)
        self._waiting.extend(self._reader.feed(content))
        return bool(content)

    def next(self) -> Any:
        """The next message, waited for; None where the other end is closed."""
        while not self._waiting:
            if not self.receive():
                return None
        return self._waiting.popleft()

    def take_waiting(self) -> Any:
        """The next message that was read; None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def take_descriptor(self) -> int:
        """The descriptor that came with the message which was taken last."""
        return self._descriptors.popleft()


class _Server:
    def __init__(
        self, connected: socket.socket, messages: _Messages, setup: Setup, worker: StepWorker, forks: bool
    ) -> None:
        self._socket, self._messages = connected, messages
        self._setup, self._worker, self._forks = setup, worker, forks
        self._numbers: dict[int, int] = {}  # process id -> number of the child
        self._woken, self._wakes = socket.socketpair()

    def serve(self) -> None:
        self._wakes.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._end_all)
        end_with_parent(os.getppid(), signal.SIGTERM)  # from now on there is something to end first
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            is_open = True
            while is_open:
                while (message := self._messages.take_waiting()) is not None:  # the first ones came with the setup
                    self._do(message)
                ready = {key.fileobj for key, _ in selector.select()}
                if self._woken in ready:
                    with suppress(BlockingIOError):
                        self._woken.recv(READ_BYTES)
                self._tell_ended()
                if self._socket in ready:
                    is_open = self._messages.receive()
        self._kill_all()

    def _do(self, message: Begin | Send) -> None:
        if isinstance(message, Begin):
            descriptor = self._messages.take_descriptor()
            if self._forks:
                self._worker.learn(message.job.known)
                pid = self._forked(message, descriptor)
            else:
                pid = self._started_anew(message, descriptor)
                run = self._setup.run
                run = replace(run, known=run.known.and_then(message.job.known))
                self._setup = replace(self._setup, run=run)
            os.close(descriptor)
            self._numbers[pid] = message.number
            return
        for pid, number in self._numbers.items():
            if number == message.number:
                _send(pid, message.signal_number)

    def _forked(self, begin: Begin, descriptor: int) -> int:
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            try:
                signal.set_wakeup_fd(-1)
                for each in (self._socket, self._woken, self._wakes):
                    each.close()
                be_child(parent)
                execute_and_exit(self._worker, begin.job, descriptor)
            finally:
                os._exit(1)
        with suppress(OSError):  # the child does it too; whoever is first, a signal to the group finds it
            os.setpgid(pid, pid)
        return pid

    def _started_anew(self, begin: Begin, descriptor: int) -> int:
        """A process that imports the pipeline itself, and executes the step; all that is known goes to it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(theirs.fileno(), is_for_one=True), pass_fds=[theirs.fileno()]
            )
            ours.sendall(frame(self._setup))
            socket.send_fds(ours, [frame(begin)], [descriptor])
            process.returncode = 0  # `_tell_ended` waits for it
            return process.pid

    def _tell_ended(self) -> None:
        while self._numbers:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:  # else of the user's code, which was started when it was imported
                ended = Ended(number, os.waitstatus_to_exitcode(status), _peak_bytes(usage))
                self._socket.sendall(frame(ended))

    def _kill_all(self) -> None:
        for pid in self._numbers:
            _send(pid, signal.SIGKILL)

    def _end_all(self, _number: int, _frame: object) -> None:
        self._kill_all()
        os._exit(0)


def _nothing(_number: int, _frame: object) -> None:
    """That it is called wakes the loop."""


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
