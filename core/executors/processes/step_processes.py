"""The processes that execute the steps of a run, as the process of the run sees them."""

from __future__ import annotations

import os
import selectors
import signal
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from core.errors import DagsterSubprocessError
from core.events.payloads import StepOutputHandle
from core.events.records import EventLogEntry
from core.execution.worker.records import Known, RunJob, StepJob, StepOutcome
from core.executors.processes.messages import Begin, Ended, NotReady, Ready, Send
from core.executors.processes.server import ForkServer, FromServer
from core.plan import ExecutionPlan
from core.plan.progress import Attempt
from core.process.exit_codes import how_it_ended
from core.process.frames import READ_BYTES, FrameReader
from core.process.signals import deferring_signals

_UNREADABLE = "what it told cannot be read: its step may have written to descriptors that it has not opened"


class ProcessEnd(NamedTuple):
    """How a process for a step has ended.

    Attributes:
        exit_code: its exit code; where a signal ended it, the negative of its number; None where nobody knows.
        peak_memory_bytes: the most memory that it took; 0 where nobody knows.
        why: what happened to it, after "it", where its exit code does not tell.
    """

    exit_code: int | None
    peak_memory_bytes: int = 0
    why: str | None = None


Told = EventLogEntry | StepOutcome | ProcessEnd | Ready
"""Of a step: what it logs, how it went, and, always and last, how its process ended; of the server: it is ready."""


class _Child:
    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.reader = descriptor, FrameReader()
        self.fault: str | None = None  # why nothing more can be read of what it tells


class StepProcesses:
    """Executes attempts at steps in processes of their own, which a fork server makes.

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
        self._server: ForkServer | None = None

    def start(self) -> None:
        """Starts the server, which is done when the first attempt begins where it was not done before."""
        self._server_for(self._plan)

    @property
    def may_run(self) -> bool:
        """bool: whether processes may execute steps now; none does while the pipeline is loaded, or where it cannot."""
        return self._server is not None and self._server.is_ready

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
        self._known = self._known.and_then(known)
        if self._server is None:  # the new one is told all at once
            known = Known()
        server = self._server_for(plan)
        with deferring_signals():
            self._count += 1
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            self._children[self._count] = _Child(ours)
            self._selector.register(ours, selectors.EVENT_READ, self._count)
        try:
            server.begin(Begin(self._count, StepJob(attempt, is_captured, known, stamps)), theirs)
        finally:
            os.close(theirs)
        return self._count

    def send(self, number: int, signal_number: int) -> None:
        """Sends a signal to the process of an attempt, and to those of its group; one that has ended gets none."""
        if self._server is not None and number in self._children:
            self._server.send(Send(number, signal_number))

    def lives(self, number: int) -> bool:
        """Whether the end of the process of an attempt is not told yet."""
        return number in self._children

    def wait(self, told: deque[tuple[int, Told]], seconds: float | None = None) -> None:
        """Waits until something is told. Whatever interrupts it, what has been read is there.

        Args:
            told: gets it, each with the number of its attempt, 0 for the server.
            seconds: how long to wait at most; without an end by default.

        Raises:
            DagsterSubprocessError: the server cannot load the pipeline.
        """
        ready = self._selector.select(seconds)
        with deferring_signals():
            for key, _ in ready:
                if key.data is not None:
                    told.extend(self._told_by(key.data))
            if any(key.data is None for key, _ in ready):  # last: the end of a child comes after what it has told
                told.extend(self._told_by_server({key.fd for key, _ in ready}))

    def close(self) -> None:
        """Kills what still runs. No process, and no descriptor, is left."""
        with deferring_signals():
            for number in self._children:
                self.send(number, signal.SIGKILL)
            if self._server is not None:
                self._server.close()
            self._server = None
            for child in self._children.values():
                os.close(child.descriptor)
            self._children.clear()
            self._selector.close()

    def _server_for(self, plan: ExecutionPlan) -> ForkServer:
        """The server, which knows all of that plan or is about to be told; another one where it has ended."""
        self._plan = plan
        if self._server is None:
            job = self._describe(plan)
            with deferring_signals():  # or it would live, and nobody would know it
                self._server = ForkServer(job)
                self._selector.register(self._server.socket, selectors.EVENT_READ)
                if self._server.ended is not None:
                    self._selector.register(self._server.ended, selectors.EVENT_READ)
            self._server.set_up()
        return self._server

    def _told_by(self, number: int) -> Iterator[tuple[int, Told]]:
        child = self._children[number]
        try:
            content = os.read(child.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        yield from self._read(number, child, content)
        if not content and self._is_watched(child):  # its process has ended or closed it; the server tells the end
            self._selector.unregister(child.descriptor)

    def _read(self, number: int, child: _Child, content: bytes) -> Iterator[tuple[int, Told]]:
        try:
            for message in child.reader.feed(content) if child.fault is None else ():
                yield number, message
        except Exception as error:  # noqa: BLE001  of bytes that are no messages, anything may be raised
            child.fault = f"was ended, because {_UNREADABLE} ({type(error).__name__}: {error})"
            self.send(number, signal.SIGKILL)

    def _is_watched(self, child: _Child) -> bool:
        return child.descriptor in self._selector.get_map()

    def _told_by_server(self, ready: set[int]) -> Iterator[tuple[int, Told]]:
        server = self._server
        assert server is not None
        messages: list[FromServer] | None = []
        if server.socket.fileno() in ready:
            messages = server.receive()
        elif server.ended in ready:  # what it told before that was read
            messages = None
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
                why = message.why_not_begun and f"could not be started: {message.why_not_begun}"
                end = ProcessEnd(message.exit_code, message.peak_memory_bytes, why)
                yield from self._ended(message.number, end)
            elif isinstance(message, Ready):
                yield 0, message

    def _ended(self, number: int, end: ProcessEnd) -> Iterator[tuple[int, Told]]:
        child = self._children.pop(number)
        with suppress(BlockingIOError):  # a process that it has started may hold the other end open
            while content := os.read(child.descriptor, READ_BYTES):
                yield from self._read(number, child, content)
        if self._is_watched(child):
            self._selector.unregister(child.descriptor)
        os.close(child.descriptor)
        if child.fault is None and child.reader.has_rest and end.exit_code == 0:
            child.fault = f"ended with exit code 0, and {_UNREADABLE}"
        yield number, end if child.fault is None else end._replace(why=child.fault)

    def _server_ended(self) -> Iterator[tuple[int, Told]]:
        """All its children end with it; another one is started when it is needed."""
        server, self._server = self._server, None
        assert server is not None
        self._selector.unregister(server.socket)
        if server.ended is not None:
            self._selector.unregister(server.ended)
        code = server.take_end()
        if not server.is_ready:
            raise DagsterSubprocessError(
                f"Another process could not load pipeline {self._name!r}: it {how_it_ended(code)} while it did."
            )
        for number in list(self._children):
            end = ProcessEnd(None, why="ended together with the server that had started it")
            yield from self._ended(number, end)
