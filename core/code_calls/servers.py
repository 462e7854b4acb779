"""Code servers that this process starts: kept for all that ask for the same code, and ended with this process."""

from __future__ import annotations

import atexit
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from core.code_calls.client import NotConnectedError
from core.code_calls.wire import Address
from core.errors import DagsterUserCodeUnreachableError
from core.forks import fork_safe_lock
from core.process.exit_codes import how_it_ended
from core.records.origin import (
    GrpcServerRepositoryLocationOrigin,
    LoadableTargetOrigin,
    RepositoryLocationOrigin,
)

_START_SECONDS = 60.0
_END_SECONDS = 10.0
_MOST_FOLDER = 60  # characters; the path of a socket has about 100 at most
_FLAGS = {"python_file": "-f", "module_name": "-m", "package_name": "--package-name", "attribute": "-a"}

T = TypeVar("T")


class StartedServer:
    """A server that this process has started. It ends when its standard input does, and so with this process.

    Args:
        target: what it serves.

    Attributes:
        address: where it listens.
        pid: its process id.

    Raises:
        DagsterUserCodeUnreachableError: it did not start.
    """

    def __init__(self, target: LoadableTargetOrigin) -> None:
        short = tempfile.gettempdir() if len(tempfile.gettempdir()) < _MOST_FOLDER else "/tmp"  # noqa: S108  made private
        self._folder = tempfile.mkdtemp(prefix="code-server-", dir=short)
        self.address = Address("localhost", socket=str(Path(self._folder, "socket")))
        ours, theirs = os.pipe()
        try:
            self._process = _started(_command(target, self.address, f"/dev/fd/{theirs}"), theirs)
        except OSError as error:
            os.close(ours)
            shutil.rmtree(self._folder, ignore_errors=True)
            raise DagsterUserCodeUnreachableError(f"A code server cannot be started: {error}.") from error
        self.pid = self._process.pid
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(ours, selectors.EVENT_READ)
                is_ready = selector.select(_START_SECONDS)
            if is_ready and os.read(ours, 1):
                return
        except BaseException:  # an interrupt
            self.close(0)
            raise
        finally:
            os.close(ours)
        how = how_it_ended(self.close(_END_SECONDS if is_ready else 0))
        raise DagsterUserCodeUnreachableError(f"A code server was started, and it {how} before it was ready.")

    @property
    def lives(self) -> bool:
        """bool: whether its process has not ended."""
        return self._process.poll() is None

    def close(self, seconds: float = _END_SECONDS) -> int:
        """Ends it; the runs that it has started go on.

        Args:
            seconds: for which it has time to end before it is killed.

        Returns:
            Its exit code.
        """
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._process.wait()


class OwnServers:
    """The servers that a process has started. Used by many threads at once."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = fork_safe_lock()
        self._servers: dict[LoadableTargetOrigin, StartedServer] = {}
        self._starting: dict[LoadableTargetOrigin, threading.Lock] = {}

    def address_of(self, origin: RepositoryLocationOrigin) -> Address:
        """Where the code of a location is served; a server is started where it is for this process to do that.

        Raises:
            DagsterUserCodeUnreachableError: it did not start.
        """
        if isinstance(origin, GrpcServerRepositoryLocationOrigin):
            return Address(origin.host, origin.port, origin.socket, bool(origin.use_ssl))
        target = origin.loadable_target_origin
        with self._lock:
            starting = self._starting.setdefault(target, fork_safe_lock())
        with starting:  # others start at the same time
            server = self._servers.get(target)
            if server is None or not server.lives:
                if server is not None:
                    server.close()
                server = self._servers[target] = StartedServer(target)
            return server.address

    def asked(self, origin: RepositoryLocationOrigin, ask: Callable[[Address], T]) -> T:
        """What asking the server of a location returns.

        Args:
            origin: where the location is.
            ask: asks the server at an address; called again where one of these servers has ended just before.

        Raises:
            CodeServerError: there is no answer.
        """
        try:
            return ask(self.address_of(origin))
        except NotConnectedError:
            if isinstance(origin, GrpcServerRepositoryLocationOrigin):
                raise
        return ask(self.address_of(origin))

    def close(self) -> None:
        """Ends them; the runs that they have started go on."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.close()


_own: list[OwnServers] = []
_making = fork_safe_lock()


def own_servers() -> OwnServers:
    """Those of this process, which end with it."""
    with _making:
        if not _own:
            _own.append(OwnServers())
            atexit.register(_own[0].close)
        return _own[0]


os.register_at_fork(after_in_child=_own.clear)  # they are its parent's


def _started(command: list[str], descriptor: int) -> subprocess.Popen[bytes]:
    """A server; a Ctrl-C is for this process, which then lets go of it. The descriptor goes to it, and is closed."""
    try:
        return subprocess.Popen(  # noqa: S603  our own program, and the interpreter of the workspace
            command, stdin=subprocess.PIPE, pass_fds=[descriptor], process_group=0
        )
    finally:
        os.close(descriptor)


def _command(target: LoadableTargetOrigin, address: Address, ready_file: str) -> list[str]:
    # Without -P, a folder `cloudstore` of the working directory would be taken for ours.
    command = [target.executable_path or sys.executable, "-P", "-m", "cloudstore", "api", "grpc"]
    for name, flag in _FLAGS.items():
        if (value := getattr(target, name)) is not None:
            command += [flag, value]
    command += ["-d", target.working_directory] if target.working_directory is not None else []
    return [
        *command,
        *("--socket", str(address.socket), "--lazy-load-user-code", "--end-with-stdin", "--reload-changed-code"),
        *("--ipc-output-file", ready_file),
    ]
