"""A client of code servers for threads: each call is a connection of its own, and waits for its answer.

It speaks HTTP/2 by `h2` on a plain socket. So it needs no event loop, which a thread of the user's may have already,
and no thread, so that a process that calls can be forked.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

import msgspec

from core.code_calls.wire import SERVICE, Address, Reply, decode_text, encode_text, unreachable
from core.errors import DagsterUserCodeUnreachableError
from core.serdes import from_json

if TYPE_CHECKING:
    from h2.connection import H2Connection

_READ_BYTES = 1 << 16
_HEAD_BYTES = 5  # of a message: a flag, and its length
_GRACE_SECONDS = 5.0  # for which a server that answers in time may be late
_CONNECT_SECONDS = 10.0
_WINDOW_BYTES = (1 << 30) - (1 << 16)

T = TypeVar("T")


class NotConnectedError(DagsterUserCodeUnreachableError):
    """There is no server, so nothing was asked."""


def ask(address: Address, location: str, method: str, request: object, seconds: float, answer_type: type[T]) -> T:
    """The answer of a code server.

    Args:
        address: where it listens.
        location: the name of the code location, for messages.
        method: what is called.
        request: what it is told; a record.
        seconds: how long the server may take.
        answer_type: of the answer.

    Raises:
        CodeServerError: there is none; a `NotConnectedError` where there is no server.
    """
    text = call(address, method, msgspec.json.encode(request).decode(), seconds + _GRACE_SECONDS)
    return from_json(answer_type, bytes(from_json(Reply, text).checked(location)))


def call(address: Address, method: str, text: str, seconds: float) -> str:
    """Calls a method of the service with a text, and returns the text of the reply.

    Args:
        address: where the server listens.
        method: its name.
        text: of the request.
        seconds: how long it may take.

    Raises:
        DagsterUserCodeUnreachableError: the server does not answer so.
    """
    deadline = time.monotonic() + seconds
    with _connected(address, deadline) as connected:
        try:
            return _Call(connected, address, deadline).reply(method, text)
        except TimeoutError:
            raise unreachable(address, f"has not answered {method} within {seconds:g} s") from None
        except OSError as error:
            raise unreachable(address, f"broke off {method}: {error}") from error


@contextmanager
def _connected(address: Address, deadline: float) -> Iterator[socket.socket]:
    seconds = max(0.001, min(_CONNECT_SECONDS, deadline - time.monotonic()))
    with ExitStack() as stack:
        try:
            connected = stack.enter_context(_connect(address, seconds))
            if address.use_ssl:
                connected = stack.enter_context(_encrypted(connected, address.host))
        except OSError as error:
            raise NotConnectedError(f"No code server answers at {address}: {error}.") from error
        yield connected


def _connect(address: Address, seconds: float) -> socket.socket:
    if address.socket is None:
        connected = socket.create_connection((address.host, address.port or 0), seconds)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(seconds)
        connected.connect(address.socket)
    except BaseException:
        connected.close()
        raise
    return connected


def _encrypted(connected: socket.socket, host: str) -> socket.socket:
    import ssl  # only where it is asked for

    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(connected, server_hostname=host)


class _Call:
    def __init__(self, connected: socket.socket, address: Address, deadline: float) -> None:
        self._socket, self._address, self._deadline = connected, address, deadline
        self._content = bytearray()
        self._said: dict[str, str] = {}  # headers, and trailers
        self._ended = False

    def reply(self, method: str, text: str) -> str:
        from h2.config import H2Configuration  # with what it needs, 20 ms to import
        from h2.connection import H2Connection
        from h2.exceptions import ProtocolError

        connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        try:
            connection.initiate_connection()
            connection.increment_flow_control_window(_WINDOW_BYTES)
            self._request(connection, method, text)
            while not self._ended:
                self._receive(connection)
        except ProtocolError as error:
            raise unreachable(self._address, f"does not speak HTTP/2: {str(error) or type(error).__name__}") from error
        return self._text(method)

    def _request(self, connection: H2Connection, method: str, text: str) -> None:
        scheme = "https" if self._address.use_ssl else "http"
        milliseconds = max(1, int((self._deadline - time.monotonic()) * 1000))
        headers = [
            (":method", "POST"),
            (":scheme", scheme),
            (":path", f"/{SERVICE}/{method}"),
            (":authority", self._address.host),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", f"{min(milliseconds, 10**8 - 1)}m"),
        ]
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, headers)
        message = encode_text(text)
        left = memoryview(b"\0" + len(message).to_bytes(_HEAD_BYTES - 1, "big") + message)
        while left and not self._ended:
            size = min(len(left), connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
            if not size:
                self._receive(connection)
                continue
            connection.send_data(stream, left[:size].tobytes(), end_stream=size == len(left))
            left = left[size:]
        self._flush(connection)

    def _flush(self, connection: H2Connection) -> None:
        self._socket.settimeout(max(0.001, self._deadline - time.monotonic()))
        self._socket.sendall(connection.data_to_send())

    def _receive(self, connection: H2Connection) -> None:
        self._flush(connection)
        content = self._socket.recv(_READ_BYTES)
        if not content:
            raise ConnectionResetError("the connection was closed")
        for event in connection.receive_data(content):
            self._take(connection, event)
        self._flush(connection)

    def _take(self, connection: H2Connection, event: Any) -> None:
        from h2 import events

        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            self._said.update((str(name), str(value)) for name, value in event.headers)
        elif isinstance(event, events.DataReceived):
            self._content += event.data
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, events.StreamReset | events.ConnectionTerminated):
            raise ConnectionResetError(f"the server broke it off with error {event.error_code}")
        elif isinstance(event, events.StreamEnded):
            self._ended = True

    def _text(self, method: str) -> str:
        status, message = self._said.get("grpc-status"), unquote(self._said.get("grpc-message", ""))
        if status != "0":
            http = self._said.get(":status")
            why = f"gRPC status {status}: {message}" if status else f"HTTP status {http} and no word of gRPC"
            raise unreachable(self._address, f"has answered {method} with {why}")
        size = int.from_bytes(self._content[1:_HEAD_BYTES], "big")
        if len(self._content) != _HEAD_BYTES + size or self._content[0]:
            raise unreachable(self._address, f"has answered {method} with half a message, or a compressed one")
        return decode_text(bytes(self._content[_HEAD_BYTES:]))
