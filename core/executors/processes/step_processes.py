"""The processes that execute the steps of a run, as the process of the run sees them."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from msgspec.structs import replace

from core.errors import DagsterSubprocessError
from core.execution.worker.records import Known, StepJob
from core.executors.backend import ProcessEnd, Told
from core.executors.processes.early import server_for
from core.executors.processes.messages import Begin, Ended, NotReady, Ready, Send, Setup
from core.executors.processes.server import ForkServer, FromServer
from core.process.exit_codes import how_it_ended
from core.process.frames import READ_BYTES, FrameReader
from core.process.signals import deferring_signals

_UNREADABLE = "what it told cannot be read: its step may have written to descriptors that it has not opened"


class _Child:
    def __init__(self, descriptor: int) -> None:
        self.descriptor, self.reader = descriptor, FrameReader()
        self.fault: str | None = None  # why nothing more can be read of what it tells


class StepProcesses:
    """Executes attempts at steps in processes of their own, which a fork server makes; as `Processes`.

    Args:
        describe: what a server is told of the run, with all that is known of its plan by then.
        name: of the pipeline, for messages.
        wakes: what ends a wait as well when it can be read, besides what is told.
    """

    def __init__(self, describe: Callable[[], Setup], name: str, wakes: socket.socket | None = None) -> None:
        self._describe, self._name, self._wakes = describe, name, wakes
        self._selector = selectors.DefaultSelector()
        if wakes is not None:
            self._selector.register(wakes, selectors.EVENT_READ, 0)
        self._children: dict[int, _Child] = {}
        self._count = 0
        self._server: ForkServer | None = None

    def start(self) -> None:
        """Starts the server, which is done when the first attempt begins where it was not done before."""
        self._server_now()

    @property
    def may_run(self) -> bool:
        """bool: whether processes may execute steps now; none does while the pipeline is loaded, or where it cannot."""
        return self._server is not None and self._server.is_ready

    def begin(self, job: StepJob) -> int:
        if self._server is None:  # the new one is told all at once
            job = replace(job, known=Known())
        server = self._server_now()
        with deferring_signals():
            self._count += 1
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            self._children[self._count] = _Child(ours)
            self._selector.register(ours, selectors.EVENT_READ, self._count)
        try:
            server.begin(Begin(self._count, job), theirs)
        finally:
            os.close(theirs)
        return self._count

    def send(self, number: int, signal_number: int) -> None:
        if self._server is not None and number in self._children:
            self._server.send(Send(number, signal_number))

    def lives(self, number: int) -> bool:
        return number in self._children

    def wait(self, told: deque[tuple[int, Told]], seconds: float | None = None) -> None:
        ready = self._selector.select(seconds)
        with deferring_signals():
            for key, _ in ready:
                if key.data:
                    told.extend(self._told_by(key.data))
            if any(key.data is None for key, _ in ready):  # last: the end of a child comes after what it has told
                told.extend(self._told_by_server({key.fd for key, _ in ready}))

    def close(self) -> None:
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

    def _server_now(self) -> ForkServer:
        """The server; another one where it has ended."""
        if self._server is None:
            setup = self._describe()
            with deferring_signals():  # or it would live, and nobody would know it
                self._server = server_for(setup)
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
                said = f"Another process could not load pipeline {self._name!r}: {message.error.to_string()}"
                raise DagsterSubprocessError(said + server.printed(), [message.error])
            if isinstance(message, Ended):
                why = message.why_not_begun and f"could not be started: {message.why_not_begun}"
                end = ProcessEnd(message.exit_code, message.peak_memory_bytes, why, message.is_out_of_memory)
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
        printed = server.printed()
        code = server.take_end()
        if not server.is_ready:
            said = f"Another process could not load pipeline {self._name!r}: it {how_it_ended(code)} while it did."
            raise DagsterSubprocessError(said + printed)
        for number in list(self._children):
            end = ProcessEnd(None, why="ended together with the server that had started it")
            yield from self._ended(number, end)
