"""One connection to a fault proxy: its requests are passed on to the store, their answers back, or fail as planned."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from cloudstore.testing.faults import Fault, FaultPlan

_CHUNK_BYTES: Final = 64 << 10
_LINE_BYTES: Final = 64 << 10
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # SO_LINGER of 0 seconds
# Headers of this connection and not of the message (RFC 9110, 7.6.1); the store has a connection of its own.
_OF_THE_CONNECTION: Final = {"connection", "expect", "keep-alive", "proxy-connection", "transfer-encoding"}


class Relay(BaseHTTPRequestHandler):
    """Serves one connection to its end. `finish` leaves closing it to the caller."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a client that answers late lets each body wait for 40 ms

    def __init__(
        self,
        connection: socket.socket,
        plan: FaultPlan,
        travel: Callable[[float | None], bool],
        connect: Callable[[], HTTPConnection],
        stop_listening: Callable[[float], None],
    ) -> None:
        self._plan, self._travel, self._connect, self._stop_listening = plan, travel, connect, stop_listening
        self._unasked_body = False
        super().__init__(connection, connection.getpeername(), None)  # type: ignore[arg-type]  # needs no server

    def log_message(self, *_: Any) -> None:
        """Says nothing; the plan has the records."""

    def handle_expect_100(self) -> bool:
        self._unasked_body = True  # a refusal shall come instead of "continue", as it does from a store
        return True

    def _serve(self) -> None:
        fault = self._plan.choose(self.command, self.path, "x-amz-copy-source" in self.headers)
        kind = fault.kind if fault else ""
        if not self._travel(None):
            self.close_connection = True
        elif fault and kind == "error":
            self._refuse(fault)
        elif fault and kind in ("refused", "reset"):
            if kind == "refused":
                self._stop_listening(fault.seconds)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True
        else:
            with closing(self._connect()) as store:
                self._pass_on(store)
                self._pass_back(store.getresponse(), fault)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = _serve

    # --- to the store ----------------------------------------------------------------------------------------------

    def _pass_on(self, store: HTTPConnection) -> None:
        store.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                store.putheader(name, value)
        is_chunked = self._is_chunked()
        if is_chunked:
            store.putheader("Transfer-Encoding", "chunked")
        store.endheaders()
        for piece in self._body():
            store.send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        if is_chunked:
            store.send(b"0\r\n\r\n")

    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def _body(self) -> Iterator[bytes]:
        if self._unasked_body:
            self.send_response_only(100)
            self.end_headers()
            self._unasked_body = False
        if not self._is_chunked():
            yield from self._read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline(_LINE_BYTES).partition(b";")[0] or b"0", 16):
            yield from self._read(size)
            self.rfile.readline(_LINE_BYTES)  # the end of the chunk's last line
        while self.rfile.readline(_LINE_BYTES).strip():
            pass  # trailers: clients sign none

    def _read(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self.rfile.read(min(left, _CHUNK_BYTES))
            if not piece:
                raise ConnectionResetError("The client went away in the middle of its request.")
            left -= len(piece)
            yield piece

    # --- to the client ---------------------------------------------------------------------------------------------

    def _refuse(self, fault: Fault) -> None:
        if self._unasked_body:
            self.close_connection = True  # whether the client sends the body now is up to it
        else:
            for _ in self._body():
                pass
        told = f"<Error><Code>{fault.code}</Code><Message>Injected by the fault proxy.</Message></Error>".encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(told)))]
        self.wfile.write(self._head(fault.status, fault.code, headers))
        if self.command != "HEAD":
            self.wfile.write(told)

    def _pass_back(self, answer: HTTPResponse, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if kind == "lost reply":
            for _ in _pieces(answer):
                pass
            self.close_connection = True
            return
        if fault and kind == "stall" and not self._travel(fault.seconds):
            self.close_connection = True
            return
        headers = [each for each in answer.getheaders() if each[0].lower() not in _OF_THE_CONNECTION]
        # http.client knows the length of the body, 0 where there is none; None is one that comes in chunks.
        is_chunked = answer.length is None
        if is_chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        head = self._head(answer.status, answer.reason, headers)
        length, body = answer.length or 0, _in_chunks(answer) if is_chunked else _pieces(answer)
        if fault and kind == "wrong byte" and length and answer.status < 300:
            body = _with_wrong_byte(body, self._plan.place(fault, length))
        whole: Iterator[bytes] = itertools.chain([head], body)
        if fault and kind == "cut":
            whole = _until(whole, self._plan.place(fault, len(head) + length))
            self.close_connection = True
        for piece in whole:
            self.wfile.write(piece)

    def _head(self, status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
        told = [*headers, ("Connection", "close")] if self.close_connection else headers
        lines = [f"{self.protocol_version} {status} {reason}", *(f"{name}: {value}" for name, value in told), "", ""]
        return "\r\n".join(lines).encode("latin-1")


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read1(_CHUNK_BYTES):
        yield piece


def _in_chunks(answer: HTTPResponse) -> Iterator[bytes]:
    for piece in _pieces(answer):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _until(pieces: Iterator[bytes], place: int) -> Iterator[bytes]:
    for piece in pieces:
        if place <= 0:
            return
        yield piece[:place]
        place -= len(piece)


def _with_wrong_byte(pieces: Iterator[bytes], place: int) -> Iterator[bytes]:
    for piece in pieces:
        if 0 <= place < len(piece):
            yield piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
        else:
            yield piece
        place -= len(piece)
