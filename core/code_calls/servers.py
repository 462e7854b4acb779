"""Code servers that this process starts: kept for all that ask for the same code, and ended with this process."""

from __future__ import annotations

import atexit
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

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
            try:
                self._process = subprocess.Popen(  # noqa: S603  our own program, and the interpreter of the workspace
                    _command(target, self.address, f"/dev/fd/{theirs}"),
                    stdin=subprocess.PIPE,
                    pass_fds=[theirs],
                    process_group=0,  # a Ctrl-C is for this process, which then lets go of it
                )
            except OSError as error:
                raise DagsterUserCodeUnreachableError(f"A code server cannot be started: {error}.") from error
            finally:
                os.close(theirs)
            self.pid = self._process.pid
            self._wait_until_ready(ours)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(ours)

    def _wait_until_ready(self, descriptor: int) -> None:
        ready, _, _ = select.select([descriptor], [], [], _START_SECONDS)
        if ready and os.read(descriptor, 1):
            return
        if not ready:
            self._process.kill()
        how = how_it_ended(self._process.wait())
        raise DagsterUserCodeUnreachableError(f"A code server was started, and it {how} before it was ready.")

    @property
    def lives(self) -> bool:
        """bool: whether its process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """Ends it; the runs that it has started go on."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


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


def _command(target: LoadableTargetOrigin, address: Address, ready_file: str) -> list[str]:
    # Without -P, a folder `cloudstore` of the working directory would be taken for ours.
    command = [target.executable_path or sys.executable, "-P", "-m", "cloudstore", "api", "grpc"]
    for name, flag in _FLAGS.items():
        if (value := getattr(target, name)) is not None:
            command += [flag, value]
    command += ["-d", target.working_directory] if target.working_directory is not None else []
    return [
        *command,
        *("--socket", str(address.socket), "--lazy-load-user-code", "--end-with-stdin"),
        *("--ipc-output-file", ready_file),
    ]
