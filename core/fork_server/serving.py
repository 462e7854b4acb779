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
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.compute_logs.capturing.captured_stream import flush_all
from core.disk.descriptors import move_out_of_the_way
from core.execution.steps.result import StepEnd
from core.execution.worker.records import StepOutcome, ToldError
from core.execution.worker.steps import StepWorker
from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Begun, Ended, Load, NotReady, Ready, Send, Setup
from core.fork_server.child import STOPPING, be_child, execute_and_exit, forget_parents_exit, tell_and_exit
from core.fork_server.loading import Loading
from core.fork_server.printing import printing_to
from core.fork_server.randomness import RandomStates
from core.fork_server.threads import why_not_forked
from core.process.bound_life import end_with_parent
from core.process.frames import READ_BYTES, FrameReader, frame
from core.process.kernel_kills import kernel_kills
from core.serdes import SerializableErrorInfo

_MOST_DESCRIPTORS = 16  # that come with what is read at once


def main(descriptor: int, printed: int, parent_pid: int, is_for_one: bool) -> None:
    """Serves a run until the other end of the socket is closed.

    Args:
        descriptor: the socket.
        printed: a file for what is printed while the pipeline is loaded.
        parent_pid: of the process that started this one; this one does not outlive it.
        is_for_one: whether this process executes the first step that is asked for itself, and ends.
    """
    if is_for_one:
        be_child(parent_pid)
    else:
        end_with_parent(parent_pid, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process of the run decides when steps end
    printed = move_out_of_the_way(printed)
    with socket.socket(fileno=move_out_of_the_way(descriptor)) as connected:
        messages = _Messages(connected)
        setup, modules_before, loading = messages.next(), len(sys.modules), Loading()
        with printing_to(printed):
            if isinstance(setup, Load):
                loading.load_early(setup)
                setup = messages.next()
            if not isinstance(setup, Setup):
                return  # the process of the run has ended
            worker = loading.worker_of(setup)
        states = RandomStates()
        if is_for_one:
            _execute_one(worker, messages, states)
        elif isinstance(worker, StepWorker):
            reason = why_not_forked()
            modules = len(sys.modules) - modules_before
            memory_bytes = _peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
            connected.sendall(frame(Ready(modules, loading.seconds, memory_bytes, reason)))
            gc.collect()
            gc.freeze()  # so that collecting garbage in a child does not copy all pages of the parent
            _Server(connected, messages, setup, worker, states, reason is None).serve()
        else:
            connected.sendall(frame(NotReady(worker)))


def _execute_one(worker: StepWorker | SerializableErrorInfo, messages: _Messages, states: RandomStates) -> None:
    begin = messages.next()
    if not isinstance(begin, Begin):
        return  # the server has ended
    if not isinstance(worker, StepWorker):
        tell_and_exit(StepOutcome(StepEnd(), error=ToldError(worker)), messages.take_descriptor())
    worker.learn(begin.job.known)
    execute_and_exit(worker, begin.job, messages.take_descriptor(), states)


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
        self,
        connected: socket.socket,
        messages: _Messages,
        setup: Setup,
        worker: StepWorker,
        states: RandomStates,
        forks: bool,
    ) -> None:
        self._socket, self._messages = connected, messages
        self._setup, self._worker, self._states, self._forks = setup, worker, states, forks
        self._numbers: dict[int, int] = {}  # process id -> number of the child
        self._told_to_end: set[int] = set()  # ids of those that were sent a signal
        self._kills_before: dict[int, int | None] = {}  # how many the kernel had killed when each began, by their ids
        self._woken, self._wakes = socket.socketpair()

    def serve(self) -> None:
        self._take_signals()
        with self._woken, self._wakes, selectors.DefaultSelector() as selector:
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
            signal.set_wakeup_fd(-1)

    def _take_signals(self) -> None:
        """Signals are as this program needs them, whatever the pipeline has done with them while it was imported."""
        self._wakes.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._end_all)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD, *STOPPING))
        end_with_parent(os.getppid(), signal.SIGTERM)  # from now on there is something to end first

    def _do(self, message: Begin | Send) -> None:
        if isinstance(message, Begin):
            self._begin(message)
            return
        for pid, number in self._numbers.items():
            if number == message.number:
                self._told_to_end.add(pid)
                _send(pid, message.signal_number)

    def _begin(self, begin: Begin) -> None:
        descriptor, kills = self._messages.take_descriptor(), kernel_kills()
        try:
            if self._forks:
                self._worker.learn(begin.job.known)
                pid = self._forked(begin, descriptor)
            else:
                run = self._setup.run
                self._setup = replace(self._setup, run=replace(run, known=run.known.and_then(begin.job.known)))
                pid = self._started_anew(begin, descriptor)
        except OSError as error:  # there may be no more processes, or there is no memory for one
            self._tell(Ended(begin.number, None, why_not_begun=str(error)))
            return
        finally:
            os.close(descriptor)
        self._numbers[pid], self._kills_before[pid] = begin.number, kills
        self._tell(Begun(begin.number, pid))

    def _forked(self, begin: Begin, descriptor: int) -> int:
        parent = os.getpid()
        flush_all()  # or what the pipeline printed while it was imported would be printed by each child too
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a signal that comes at once waits until the child is one
        try:
            pid = os.fork()
            if pid:
                return pid
            try:
                signal.set_wakeup_fd(-1)
                for each in (self._socket, self._woken, self._wakes):
                    each.close()
                be_child(parent)
                forget_parents_exit()
                execute_and_exit(self._worker, begin.job, descriptor, self._states)
            finally:
                os._exit(1)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def _started_anew(self, begin: Begin, descriptor: int) -> int:
        """A process that imports the pipeline itself, and executes the step; all that is known goes to it."""
        ours, theirs = socket.socketpair()
        with ours, theirs, Path(os.devnull).open("wb") as nothing:
            inherited = theirs.fileno(), nothing.fileno()
            process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(*inherited, is_for_one=True), pass_fds=inherited
            )
            with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which is told when it is found
                ours.sendall(frame(self._setup))
                socket.send_fds(ours, [frame(begin)], [descriptor])
            process.returncode = 0  # `_tell_ended` waits for it
            return process.pid

    def _tell_ended(self) -> None:
        while self._numbers:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            self._end_group(ended.si_pid, ended.si_code == os.CLD_EXITED and not ended.si_status)
            pid, status, usage = os.wait4(ended.si_pid, 0)
            number = self._numbers.pop(pid, None)
            if number is not None:  # else of the user's code, which was started when it was imported
                code = os.waitstatus_to_exitcode(status)
                was_for_memory = code == -signal.SIGKILL and self._kills_before[pid] != kernel_kills()
                del self._kills_before[pid]
                self._tell(Ended(number, code, _peak_bytes(usage), is_out_of_memory=was_for_memory))

    def _end_group(self, pid: int, ended_well: bool) -> None:
        """Ends what the process of a step has started, where that was told to end or ended badly itself. It is not
        waited for yet, so its id is that of no other group.
        """
        if pid in self._numbers and (not ended_well or pid in self._told_to_end):
            _send(pid, signal.SIGKILL)
        self._told_to_end.discard(pid)

    def _kill_all(self) -> None:
        for pid in self._numbers:
            _send(pid, signal.SIGKILL)
        for pid in self._numbers:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _end_all(self, _number: int, _frame: object) -> None:
        self._kill_all()
        os._exit(0)

    def _tell(self, message: Begun | Ended) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the process of the run has ended, which is read next
            self._socket.sendall(frame(message))


def _nothing(_number: int, _frame: object) -> None:
    """That it is called wakes the loop."""


def _send(pid: int, number: int) -> None:
    """Sends a signal to the process group of a child; one that is not in its own group yet gets it itself."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:  # macOS: of a group in which no process is left that lives
        pass
