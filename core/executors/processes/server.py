"""A fork server, as the process of the run sees it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from typing import BinaryIO

from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Begun, Ended, Load, NotReady, Ready, Send, Setup
from core.process.frames import READ_BYTES, FrameReader, frame
from core.process.last_lines import last_lines

_STOP_SECONDS = 5.0  # one that lives longer than that after its socket was closed is killed

FromServer = Ready | NotReady | Begun | Ended


class ForkServer:
    """A fork server that was started, and is told of the run by `set_up`. No signal may take effect meanwhile.

    Args:
        first: what it is told first, by `set_up`: of the run; or of its code, where it is told of the run later.

    Attributes:
        is_ready: whether it has loaded the pipeline.
        ended: a descriptor that is readable when it has ended; None where the system has none, and only its socket
            tells, which a process that it has left may hold open.
    """

    def __init__(self, first: Setup | Load) -> None:
        self._next = frame(first)
        self.is_ready = False
        self.pids: dict[int, int] = {}  # number of an attempt -> process
        self._reader = FrameReader()
        self._printed = _file_without_name()
        self.socket, theirs = socket.socketpair()
        with theirs:
            inherited = theirs.fileno(), self._printed.fileno()
            self._process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(*inherited, is_for_one=False), pass_fds=inherited, process_group=0
            )
        self.ended = os.pidfd_open(self._process.pid) if hasattr(os, "pidfd_open") else None

    def printed(self) -> str:
        """What it printed last while it loaded the pipeline, as part of a message; "" where it printed nothing."""
        last = last_lines(self._printed)
        return f"\nWhat it printed last:\n{last}" if last else ""

    def set_up(self) -> None:
        """Tells it of the run, or of its code."""
        self._send_all(self._next)

    def tell_next(self, setup: Setup) -> None:
        """Has `set_up`, which has told of the code, tell of the run when it is called again."""
        self._next = frame(setup)

    def begin(self, message: Begin, descriptor: int) -> None:
        """Has it begin a child. Where it has ended, that is found by who waits for it."""
        content = frame(message)
        with suppress(BrokenPipeError, ConnectionResetError):
            sent = socket.send_fds(self.socket, [content], [descriptor])
            self.socket.sendall(content[sent:])

    def send(self, message: Send) -> None:
        """Has it send a signal."""
        self._send_all(frame(message))

    def receive(self) -> list[FromServer] | None:
        """What it tells; None where it has ended."""
        try:
            content = self.socket.recv(READ_BYTES)
        except ConnectionResetError:
            content = b""
        messages: list[FromServer] = list(self._reader.feed(content))
        for message in messages:
            if isinstance(message, Ready):
                self.is_ready = True
                self._printed.truncate(0)
            elif isinstance(message, Begun):
                self.pids[message.number] = message.pid
            elif isinstance(message, Ended):
                self.pids.pop(message.number, None)
        return messages if content else None

    def close(self, has_ended: bool = False) -> int:
        """Ends it, with its children; returns its exit code. One that loads the pipeline yet is killed.

        Args:
            has_ended: whether it ends by itself.
        """
        self.socket.close()
        self._printed.close()
        if self.ended is not None:
            os.close(self.ended)
        try:
            if self.is_ready or has_ended:
                self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            code = self._process.wait()
        return code

    def take_end(self) -> int:
        """It has ended by itself: ends what the processes of its steps have started, which nobody else would do now.

        Returns:
            Its exit code.
        """
        code = self.close(has_ended=True)
        for pid in self.pids.values():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        return code

    def _send_all(self, content: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(content)


def _file_without_name() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return io.FileIO(os.memfd_create("printed"), "r+")
    return tempfile.TemporaryFile()
