"""The methods of a code server, as gRPC calls them."""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError

from core.code_calls import wire
from core.code_calls.wire import Asked, Reply, RunToCancel, RunToStart, answered
from core.code_servers.questions import QUESTIONS
from core.code_servers.serving.served_code import ServedCode
from core.serdes import from_json

Method = Callable[[str], Awaitable[Reply | str]]
T = TypeVar("T")


class TextCodec(CodecBase):
    """Messages that hold one text."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return wire.encode_text(message)

    def decode(self, data: bytes, message_type: Any) -> str:
        return wire.decode_text(data)


class Api:
    """The service. Only what is about the user's code waits for it.

    Args:
        code: what is served.
        server_id: of the server.
        shut_down: ends the server.

    Attributes:
        last_heartbeat: when a client said last that it lives; `time.monotonic()`.
    """

    def __init__(self, code: ServedCode, server_id: str, shut_down: Callable[[], None]) -> None:
        self._code, self._server_id, self._shut_down = code, server_id, shut_down
        self.last_heartbeat = time.monotonic()

    def __mapping__(self) -> dict[str, Handler]:
        methods: dict[str, Method] = {
            wire.PING: self._ping,
            wire.HEARTBEAT: self._heartbeat,
            wire.SERVER_ID: self._get_server_id,
            wire.LIST_REPOSITORIES: self._list_repositories,
            wire.START_RUN: self._start_run,
            wire.CAN_CANCEL: self._can_cancel,
            wire.CANCEL: self._cancel,
            wire.RELOAD: self._reload,
            wire.SHUT_DOWN: self._end,
            **{name: self._asking(name) for name in QUESTIONS},
        }
        return {
            f"/{wire.SERVICE}/{name}": Handler(_unary(method), Cardinality.UNARY_UNARY, str, str)
            for name, method in methods.items()
        }

    async def _ping(self, text: str) -> str:
        return text

    async def _heartbeat(self, text: str) -> str:
        self.last_heartbeat = time.monotonic()
        return text

    async def _get_server_id(self, text: str) -> str:
        return self._server_id

    async def _list_repositories(self, text: str) -> Reply:
        return self._code.repositories or Reply()

    async def _start_run(self, text: str) -> Reply:
        return await self._code.start_run(_read(RunToStart, text))

    async def _can_cancel(self, text: str) -> Reply:
        return answered(self._code.can_cancel(_read(RunToCancel, text)))

    async def _cancel(self, text: str) -> Reply:
        return answered(self._code.cancel(_read(RunToCancel, text), signal.SIGTERM))

    async def _reload(self, text: str) -> Reply:
        return Reply(failure=await self._code.reload())

    async def _end(self, text: str) -> Reply:
        self._shut_down()
        return Reply()

    def _asking(self, name: str) -> Method:
        async def ask(text: str) -> Reply:
            asked = _read(Asked, text)
            question = _read(QUESTIONS[name], bytes(asked.question))
            return await self._code.ask(question, asked.deadline_seconds)

        return ask


def _read(record_type: type[T], text: str | bytes) -> T:
    try:
        return from_json(record_type, text)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise GRPCError(Status.INVALID_ARGUMENT, f"The text is not a {record_type.__name__}: {error}.") from error


def _unary(method: Method) -> Callable[[Any], Awaitable[None]]:
    async def handle(stream: Any) -> None:
        reply = await method(await stream.recv_message() or "")
        await stream.send_message(reply if isinstance(reply, str) else msgspec.json.encode(reply).decode())

    return handle
