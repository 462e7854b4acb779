"""The processes that execute the steps of a run, as the process of the run sees them."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from core.errors import DagsterSubprocessError
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.execution.worker.records import Known, RunJob, StepJob, StepOutcome
from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Ended, NotReady, Ready, Send, Setup
from core.plan import ExecutionPlan
from core.plan.progress import Attempt
from core.process.frames import READ_BYTES, FrameReader, frame

_STOP_SECONDS = 5.0  # a server that lives longer than that after its socket was closed is killed


class ProcessEnd(NamedTuple):
    """How a process for a step has ended.

    Attributes:
        exit_code: its exit code; where a signal ended it, the negative of its number; None where the fork server ended
            before it, and nobody knows.
        peak_memory_bytes: the most memory that it took; 0 where nobody knows.
    """

    exit_code: int | None
    peak_memory_bytes: int = 0


Told = EventLogEntry | StepOutcome | ProcessEnd | Ready
"""Of a step: what it logs, how it went, and, always and last, how its process ended; of the server: it is ready."""


class _Child(NamedTuple):
    descriptor: int
    reader: FrameReader


class StepProcesses:
    """Executes attempts at steps in processes of their own, which a fork server makes. It is started at once.

    Args:
        describe: the run, with all that is known of a plan of it.
        plan: the plan.
        name: of the pipeline, for messages.
    """

    def __init__(self, describe: Callable[[ExecutionPlan], RunJob], plan: ExecutionPlan, name: str) -> None:
        self._describe, self._plan, self._name = describe, plan, name
        self._known = Known().of_more(plan)  # what the server was told
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._count = 0
        self._server: _Server | None = _Server(describe(plan))
        self._selector.register(self._server.socket, selectors.EVENT_READ)

    def begin(
        self, attempt: Attempt, is_captured: bool, plan: ExecutionPlan, stamps: Mapping[StepOutputHandle, str]
    ) -> int:
        """Has a process execute an attempt at a step.

        Args:
            attempt: the attempt.
            is_captured: whether its output is kept.
            plan: the plan of the run by now.
            stamps: of the values that the step takes, as of `StepJob`.

        Returns:
            The number by which `wait` and `send` know it.
        """
        known = self._known.of_more(plan) if plan is not self._plan else Known()
        self._plan, self._known = plan, self._known.and_then(known)
        if self._server is None:
            self._server, known = _Server(self._describe(plan)), Known()
            self._selector.register(self._server.socket, selectors.EVENT_READ)
        self._count += 1
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        self._children[self._count] = _Child(ours, FrameReader())
        self._selector.register(ours, selectors.EVENT_READ, self._count)
        try:
            self._server.send(Begin(self._count, StepJob(attempt, is_captured, known, stamps)), theirs)
        except OSError:  # it has ended, which `wait` will find and tell
            pass
        finally:
            os.close(theirs)
        return self._count

    def send(self, number: int, signal_number: int) -> None:
        """Sends a signal to the process of an attempt, and to those of its group; one that has ended gets none."""
        if self._server is not None and number in self._children:
            with suppress(OSError):
                self._server.send(Send(number, signal_number))

    def wait(self, seconds: float | None = None) -> list[tuple[int, Told]]:
        """What has been told, waited for; each with the number of its attempt, 0 for the server.

        Args:
            seconds: how long to wait at most; without an end by default.

        Raises:
            DagsterSubprocessError: the server cannot load the pipeline.
        """
        told: list[tuple[int, Told]] = []
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if key.data is not None:
                told += self._told_by(key.data)
        for key, _ in ready:  # last: the end of a child comes after what it has told
            if key.data is None:
                told += self._told_by_server()
        return told

    def close(self) -> None:
        """Kills what still runs. No process, and no descriptor, is left."""
        for number in self._children:
            self.send(number, signal.SIGKILL)
        if self._server is not None:
            self._server.close()
        for child in self._children.values():
            os.close(child.descriptor)
        self._children.clear()
        self._selector.close()

    def _told_by(self, number: int) -> Iterator[tuple[int, Told]]:
        child = self._children[number]
        try:
            content = os.read(child.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        for message in child.reader.feed(content):
            yield number, message
        if not content and self._is_watched(child):  # its process has ended or closed it; the server tells the end
            self._selector.unregister(child.descriptor)

    def _is_watched(self, child: _Child) -> bool:
        return child.descriptor in self._selector.get_map()

    def _told_by_server(self) -> Iterator[tuple[int, Told]]:
        assert self._server is not None
        messages = self._server.receive()
        if messages is None:
            yield from self._server_ended()
            return
        for message in messages:
            if isinstance(message, NotReady):
                raise DagsterSubprocessError(
                    f"Another process could not load pipeline {self._name!r}: {message.error.to_string()}",
                    [message.error],
                )
            if isinstance(message, Ended):
                end = ProcessEnd(message.exit_code, message.peak_memory_bytes)
                yield from self._ended(message.number, end)
            else:
                self._server.is_ready = True
                yield 0, message

    def _ended(self, number: int, end: ProcessEnd) -> Iterator[tuple[int, Told]]:
        child = self._children.pop(number)
        with suppress(BlockingIOError):  # a process that it has started may hold the other end open
            while content := os.read(child.descriptor, READ_BYTES):
                for message in child.reader.feed(content):
                    yield number, message
        if self._is_watched(child):
            self._selector.unregister(child.descriptor)
        os.close(child.descriptor)
        yield number, end

    def _server_ended(self) -> Iterator[tuple[int, Told]]:
        """All its children end with it; another one is started when it is needed."""
        server, self._server = self._server, None
        assert server is not None
        self._selector.unregister(server.socket)
        code = server.close()
        if not server.is_ready:
            raise DagsterSubprocessError(
                f"Another process could not load pipeline {self._name!r}: it ended while it did, with exit code {code}."
            )
        for number in list(self._children):
            yield from self._ended(number, ProcessEnd(None))


class _Server:
    """A fork server that was started."""

    def __init__(self, job: RunJob) -> None:
        self.is_ready = False
        self.socket, theirs = socket.socketpair()
        self._reader = FrameReader()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(theirs.fileno(), is_for_one=False), pass_fds=[theirs.fileno()], process_group=0
            )
        self.send(Setup(list(sys.path), list(sys.argv), job))

    def send(self, message: Setup | Begin | Send, descriptor: int | None = None) -> None:
        content = frame(message)
        if descriptor is None:
            self.socket.sendall(content)
            return
        sent = socket.send_fds(self.socket, [content], [descriptor])
        self.socket.sendall(content[sent:])

    def receive(self) -> list[Ready | NotReady | Ended] | None:
        """What it tells; None where it has ended."""
        try:
            content = self.socket.recv(READ_BYTES)
        except ConnectionResetError:
            content = b""
        return list(self._reader.feed(content)) if content else None

    def close(self) -> int:
        """Ends it, with its children; returns its exit code."""
        self.socket.close()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
