"""The program: it listens, has questions answered, and ends when it is told to or nobody needs it any more."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from grpclib.server import Server

from core.code_calls.names import name_of_target
from core.code_calls.wire import Address, error_of
from core.code_servers.serving.api import Api, TextCodec
from core.code_servers.serving.jobs import CodeSetup
from core.code_servers.serving.served_code import ServedCode
from core.errors import DagsterInvariantViolationError


class ServerOptions(msgspec.Struct, frozen=True):
    """How a server is run.

    Attributes:
        address: where it listens; port 0 for a free one.
        server_id: names it to its clients.
        is_lazy: whether the code is loaded only when it is asked for; else the server ends where it cannot be loaded.
        ready_file: to which a line of JSON is written when it listens; None for none.
        heartbeat_seconds: it ends when no client has said for that long that it lives; None where none need to.
        ends_with_stdin: whether it ends when its standard input does.
        max_workers: how many questions are answered at the same time.
        reloads_changed: whether the code is loaded again when it is asked for and its files have changed.
    """

    address: Address
    server_id: str
    is_lazy: bool = False
    ready_file: str | None = None
    heartbeat_seconds: float | None = None
    ends_with_stdin: bool = False
    max_workers: int = 16
    reloads_changed: bool = False


def serve_code(setup: CodeSetup, options: ServerOptions) -> None:
    """Serves until it is told to end, by SIGINT, SIGTERM or `ShutdownServer`; runs that it has started go on.

    Args:
        setup: the code.
        options: how.

    Raises:
        CodeServerError: the code cannot be loaded.
        DagsterInvariantViolationError: it cannot listen there.
    """
    asyncio.run(_serve(setup, options))


async def _serve(setup: CodeSetup, options: ServerOptions) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    if options.ends_with_stdin:
        loop.add_reader(0, _read_stdin, stopped)
    code = ServedCode(setup, options.max_workers, options.reloads_changed)
    stopping = asyncio.create_task(stopped.wait())
    try:
        if not options.is_lazy:
            loading = asyncio.create_task(code.load())
            await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.is_set():
                return
            if (failure := loading.result()) is not None:
                raise error_of(failure, name_of_target(setup.target))
        api = Api(code, options.server_id, stopped.set)
        server = Server([api], codec=TextCodec())
        address = await _listen(server, options.address)
        _tell_ready(address, options)
        beating = asyncio.create_task(_end_without_heartbeat(api, options.heartbeat_seconds, stopped))
        await stopping
        beating.cancel()
        server.close()
        if options.address.socket is not None:
            _delete_socket(Path(options.address.socket), options.ends_with_stdin)
    finally:
        await code.close()


async def _listen(server: Server, address: Address) -> Address:
    try:
        if address.socket is None:
            await server.start(address.host, address.port)
            return msgspec.structs.replace(address, port=_port_of(server))
        _check_free(address.socket)
        before = os.umask(0o177)  # nobody else may connect
        try:
            await server.start(path=address.socket)
        finally:
            os.umask(before)
    except OSError as error:
        raise DagsterInvariantViolationError(f"The code server cannot listen at {address}: {error}.") from error
    return address


def _port_of(server: Server) -> int:
    listening = server._server  # grpclib itself does not tell
    assert isinstance(listening, asyncio.Server)
    port: int = listening.sockets[0].getsockname()[1]
    return port


def _check_free(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as probe, suppress(ConnectionRefusedError, FileNotFoundError):
        probe.connect(path)
        raise OSError("another server listens there")


def _delete_socket(path: Path, with_folder: bool) -> None:
    with suppress(OSError):
        path.unlink()
        if with_folder:  # its owner, which has made the folder for it, may have been killed
            path.parent.rmdir()


def _tell_ready(address: Address, options: ServerOptions) -> None:
    if options.ready_file is not None:
        told = {**msgspec.to_builtins(address), "server_id": options.server_id, "pid": os.getpid()}
        with Path(options.ready_file).open("w") as file:
            file.write(json.dumps(told) + "\n")
    else:
        print(f"The code server listens at {address}.", file=sys.stderr, flush=True)


def _read_stdin(stopped: asyncio.Event) -> None:
    if not os.read(0, 1024):
        asyncio.get_running_loop().remove_reader(0)
        stopped.set()


async def _end_without_heartbeat(api: Api, seconds: float | None, stopped: asyncio.Event) -> None:
    while seconds is not None:
        left = api.last_heartbeat + seconds - time.monotonic()
        if left <= 0:
            stopped.set()
            return
        await asyncio.sleep(left)
