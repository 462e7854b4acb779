"""What every fork server does: it loads code once, forks a child for each job, and tells when one has ended.

It has one thread, and does no job itself. The process that has started it and it talk over a socket: `messages.py`.
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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from core.compute_logs.capturing.captured_stream import flush_all
from core.disk.descriptors import move_out_of_the_way
from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Begun, Ended, NotReady, Ready, Send
from core.fork_server.child import STOPPING, be_child, forget_parents_exit
from core.fork_server.incoming import Messages
from core.fork_server.jobs import Jobs
from core.fork_server.threads import why_not_forked
from core.process.bound_life import end_with_parent
from core.process.frames import READ_BYTES, frame
from core.process.kernel_kills import kernel_kills
from core.serdes import SerializableErrorInfo


def serve(
    descriptor: int,
    parent_pid: int,
    is_for_one: bool,
    load: Callable[[Messages], Jobs | SerializableErrorInfo | None],
    tell_not_loaded: Callable[[SerializableErrorInfo, int], NoReturn],
) -> None:
    """Serves until the other end of the socket is closed.

    Args:
        descriptor: the socket.
        parent_pid: of the process that started this one; this one does not outlive it.
        is_for_one: whether this process does the first job that is asked for itself, and ends.
        load: what loads the code, from what is told first; or why it cannot be loaded. None where nothing is told.
        tell_not_loaded: tells that of the only job, and ends this process.
    """
    if is_for_one:
        be_child(parent_pid)
    else:
        end_with_parent(parent_pid, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that has started it decides when jobs end
    with socket.socket(fileno=move_out_of_the_way(descriptor)) as connected:
        messages, modules_before = Messages(connected), len(sys.modules)
        jobs = load(messages)
        if jobs is None:
            return  # that process has ended
        if is_for_one:
            begin = messages.next()
            if begin is None:
                return  # the server has ended
            if not isinstance(jobs, Jobs):
                tell_not_loaded(jobs, messages.take_descriptor())
            jobs.learn(begin)
            jobs.do_and_exit(begin, messages.take_descriptor())
        elif isinstance(jobs, Jobs):
            reason = why_not_forked()
            modules = len(sys.modules) - modules_before
            memory_bytes = _peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
            ready = Ready(modules, jobs.loading_seconds, memory_bytes, reason, sources=jobs.sources())
            connected.sendall(frame(ready))
            gc.collect()
            gc.freeze()  # so that collecting garbage in a child does not copy all pages of the parent
            _Server(connected, messages, jobs, reason is None).serve()
        else:
            connected.sendall(frame(NotReady(jobs)))


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Server:
    def __init__(self, connected: socket.socket, messages: Messages, jobs: Jobs, forks: bool) -> None:
        self._socket, self._messages = connected, messages
        self._jobs, self._forks = jobs, forks
        self._numbers: dict[int, int] = {}  # process id -> number of the child
        self._outliving: set[int] = set()  # ids of those that go on when this process ends
        self._to_end: set[int] = set()  # ids of those with which all that they have started is ended
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
        """Signals are as this program needs them, whatever the code has done with them while it was imported."""
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
                self._to_end.add(pid)
                _send(pid, message.signal_number)

    def _begin(self, begin: Begin) -> None:
        descriptor, kills = self._messages.take_descriptor(), kernel_kills()
        try:
            self._jobs.learn(begin)
            pid = self._forked(begin, descriptor) if self._forks else self._started_anew(begin, descriptor)
        except OSError as error:  # there may be no more processes, or there is no memory for one
            self._tell(Ended(begin.number, None, why_not_begun=str(error)))
            return
        finally:
            os.close(descriptor)
        self._numbers[pid], self._kills_before[pid] = begin.number, kills
        if self._jobs.outlives(begin):
            self._outliving.add(pid)
        if self._jobs.leaves_nothing(begin):
            self._to_end.add(pid)
        self._tell(Begun(begin.number, pid))

    def _forked(self, begin: Begin, descriptor: int) -> int:
        parent = os.getpid()
        flush_all()  # or what the code printed while it was imported would be printed by each child too
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a signal that comes at once waits until the child is one
        try:
            pid = os.fork()
            if pid:
                return pid
            try:
                signal.set_wakeup_fd(-1)
                for each in (self._socket, self._woken, self._wakes):
                    each.close()
                be_child(None if self._jobs.outlives(begin) else parent)
                forget_parents_exit()
                self._jobs.do_and_exit(begin, descriptor)
            finally:
                os._exit(1)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def _started_anew(self, begin: Begin, descriptor: int) -> int:
        """A process that loads the code itself, and does the job; all that is known goes to it."""
        ours, theirs = socket.socketpair()
        with ours, theirs, Path(os.devnull).open("wb") as nothing:
            inherited = theirs.fileno(), nothing.fileno()
            process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(*inherited, is_for_one=True, program=self._jobs.program), pass_fds=inherited
            )
            with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which is told when it is found
                ours.sendall(frame(self._jobs.setup_for_one(begin)))
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
            self._outliving.discard(pid)
            if number is not None:  # else of the user's code, which was started when it was imported
                code = os.waitstatus_to_exitcode(status)
                was_for_memory = code == -signal.SIGKILL and self._kills_before[pid] != kernel_kills()
                del self._kills_before[pid]
                self._tell(Ended(number, code, _peak_bytes(usage), is_out_of_memory=was_for_memory))

    def _end_group(self, pid: int, ended_well: bool) -> None:
        """Ends what the process of a job has started, where that was sent a signal, ended badly or is to leave nothing.
        It is not waited for yet, so its id is that of no other group.
        """
        if pid in self._numbers and (not ended_well or pid in self._to_end):
            _send(pid, signal.SIGKILL)
        self._to_end.discard(pid)

    def _kill_all(self) -> None:
        bound = self._numbers.keys() - self._outliving
        for pid in bound:
            _send(pid, signal.SIGKILL)
        for pid in bound:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)

    def _end_all(self, _number: int, _frame: object) -> None:
        self._kill_all()
        os._exit(0)

    def _tell(self, message: Begun | Ended) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the process at the other end has ended: it is read next
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
