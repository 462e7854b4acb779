"""The process that has loaded the code, as the server sees it: it is asked for children, which are waited for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from core.code_calls.wire import Failure, Reply, raised_info
from core.code_servers.serving.jobs import NOT_LOADED, PROGRAM, CodeSetup, EvaluationJob, RunJob
from core.executors.processes.boot import boot_command
from core.executors.processes.messages import Begin, Begun, Ended, NotReady, Ready, Send
from core.process.exit_codes import how_it_ended
from core.process.frames import READ_BYTES, FrameReader, frame

_EXIT_SECONDS = 5.0  # for which a child that has answered may go on
_LOOK_SECONDS = 0.01
_decode_reply = msgspec.json.Decoder(Reply).decode


class Child:
    """A child that was asked for.

    Attributes:
        reply: what it answers, or how it ended without an answer.
        pid: its process id, once it has begun.
        has_ended: whether its process has.
    """

    def __init__(self, asked: str, descriptor: int) -> None:
        self.asked, self.descriptor, self.reader = asked, descriptor, FrameReader()
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.pid: int | None = None
        self.has_ended = False

    def take(self, reply: Reply) -> None:
        """It has answered, if nobody knew of an answer before."""
        if not self.reply.done():
            self.reply.set_result(reply)


class CodeProcess:
    """A process that loads code, and then forks children.

    Args:
        setup: the code.

    Attributes:
        loaded: done when the code is loaded, with None, or cannot be, with the reason.
        is_gone: whether the process has ended, or was told to.
        sources: the files of which the code was loaded, with when each was changed last.
    """

    def __init__(self, setup: CodeSetup) -> None:
        self._loop = asyncio.get_running_loop()
        self.loaded: asyncio.Future[Failure | None] = self._loop.create_future()
        self.is_gone = False
        self.sources: Mapping[str, int] = {}
        self._children: dict[int, Child] = {}
        self._count = 0
        self._reader = FrameReader()
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self._reaping: asyncio.Task[None] | None = None
        self._socket, theirs = socket.socketpair()
        with theirs, Path(os.devnull).open("wb") as nothing:
            inherited = theirs.fileno(), nothing.fileno()
            self._process = subprocess.Popen(  # noqa: S603  our own program
                boot_command(*inherited, is_for_one=False, program=PROGRAM),
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
                process_group=0,
            )
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._receive)
        self._send(frame(setup))

    @property
    def pid(self) -> int:
        """int: its process id."""
        return self._process.pid

    @property
    def is_idle(self) -> bool:
        """bool: whether nobody waits for a child."""
        return all(child.reply.done() for child in self._children.values())

    def begin(self, job: EvaluationJob | RunJob, asked: str) -> Child:
        """Has it fork a child for a job.

        Args:
            job: the job.
            asked: what is asked for, for messages.
        """
        self._count += 1
        number = self._count
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        child = self._children[number] = Child(asked, ours)
        self._loop.add_reader(ours, self._read, child)
        self._send(frame(Begin(number, job)), [theirs])
        return child

    def kill(self, child: Child) -> None:
        """Kills a child, with what it has started."""
        for number, each in self._children.items():
            if each is child:
                self._send(frame(Send(number, signal.SIGKILL)))

    def let_go(self, child: Child, goes_on: bool) -> None:
        """Nobody waits for a child any more: one that has not answered is killed.

        Args:
            child: the child.
            goes_on: whether one that has answered goes on; otherwise it has some seconds to end.
        """
        if child.reply.cancel() or child.reply.cancelled():  # by the end of the call that waited for it
            self.kill(child)
        elif not goes_on:
            self._loop.call_later(_EXIT_SECONDS, self.kill, child)

    def close(self) -> None:
        """Ends it, with the children that answer questions; runs go on."""
        self._lose(is_told=True)

    async def wait_closed(self) -> None:
        """Waits until the process has ended."""
        if self._reaping is not None:
            await self._reaping

    def _send(self, content: bytes, descriptors: list[int] | None = None) -> None:
        self._unsent.append((content, descriptors or []))
        self._flush()

    def _flush(self) -> None:
        """Sends what can be sent: the process may be stopped, and this one is never to wait for it."""
        while self._unsent and not self.is_gone:
            content, descriptors = self._unsent[0]
            try:
                sent = (
                    socket.send_fds(self._socket, [content], descriptors) if descriptors else self._socket.send(content)
                )
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._flush)
                return
            except OSError:  # it has ended, which is read
                break
            for each in descriptors:
                os.close(each)
            self._unsent.popleft()
            if sent < len(content):
                self._unsent.appendleft((content[sent:], []))
        if not self.is_gone:
            self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            content = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        for message in self._reader.feed(content):
            self._take(message)
        if not content:
            self._lose(is_told=False)

    def _take(self, message: Ready | NotReady | Begun | Ended) -> None:
        if isinstance(message, Begun):
            self._children[message.number].pid = message.pid
        elif isinstance(message, Ended):
            code = message.exit_code
            how = f"could not be started: {message.why_not_begun}" if code is None else how_it_ended(code)
            self._ended(self._children.pop(message.number), how, code)
        elif isinstance(message, NotReady):
            self.loaded.set_result(raised_info(NOT_LOADED, message.error))
        else:
            self.sources = message.sources
            self.loaded.set_result(None)

    def _read(self, child: Child) -> None:
        try:
            content = os.read(child.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        if not content:
            self._loop.remove_reader(child.descriptor)
        with suppress(Exception):  # it has written there itself; how it ends is told
            for message in child.reader.feed(content):
                child.take(_decode_reply(message))

    def _ended(self, child: Child, how: str, exit_code: int | None = None) -> None:
        self._read(child)  # what it has told just before
        self._loop.remove_reader(child.descriptor)
        os.close(child.descriptor)
        child.has_ended = True
        message = f"{child.asked}, has no answer: its process {how}"
        child.take(Reply(failure=Failure("crashed", message, None, exit_code)))

    def _lose(self, is_told: bool) -> None:
        """It has ended, or it is told to by the end of the socket; what loads its code yet is killed."""
        if self.is_gone:
            return
        self.is_gone = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for descriptor in (each for _, descriptors in self._unsent for each in descriptors):
            os.close(descriptor)
        if is_told and not self.loaded.done():
            self._process.kill()
        self._reaping = self._loop.create_task(self._reap())

    async def _reap(self) -> None:
        for _ in range(int(_EXIT_SECONDS / _LOOK_SECONDS)):
            if self._process.poll() is not None:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            self._process.kill()
        how = how_it_ended(self._process.wait())
        if not self.loaded.done():
            self.loaded.set_result(Failure("crashed", f"its code, has none: the process that was to load it {how}"))
        for number in list(self._children):
            child = self._children.pop(number)
            self._ended(child, f"ended with the one that had loaded the code, which {how}")
