"""Tools to prove that a server has gone."""

import json
import os
import select
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudstore.testing import weed
from cloudstore.testing.directory import remove_abandoned_directories


@dataclass(frozen=True)
class Footprint:
    """What a running server occupies on this machine; taken while it runs, compared when it should be gone."""

    pid: int
    directory: Path
    ports: dict[str, int]
    pidfd: int

    def assert_gone(self, timeout_seconds: float = 0) -> None:
        """Wait for the process's end (0: it must have ended already), then look for anything it left."""
        if sys.platform == "linux":
            ended, _, _ = select.select([self.pidfd], [], [], timeout_seconds)
            assert ended, f"the server, process {self.pid}, still runs"
        else:
            with pytest.raises(ProcessLookupError):
                os.kill(self.pid, 0)
        assert [flag for flag, port in self.ports.items() if _answers(port)] == []

    def sockets(self) -> list[Path]:
        return [path for port in self.ports.values() for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]

    def living_sockets(self) -> list[Path]:
        """Those that answer; a port can also bear the leftover of a killed server that had it before."""
        return [path for path in self.sockets() if _socket_answers(path)]


@pytest.fixture
def footprint_of(request: pytest.FixtureRequest) -> Callable[[int, Path], Footprint]:
    """A function that takes the footprint of the server with the given process id in the given directory."""

    def take(pid: int, directory: Path) -> Footprint:
        ports: dict[str, int] = json.loads((directory / "server.json").read_bytes())["ports"]
        assert set(ports) == set(weed.PORT_FLAGS)
        assert _answers(ports["s3.port"])
        pidfd = -1
        if sys.platform == "linux":
            pidfd = os.pidfd_open(pid)
            request.addfinalizer(lambda: os.close(pidfd))
        footprint = Footprint(pid, directory, ports, pidfd)
        assert footprint.sockets()
        return footprint

    return take


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary files that no other test uses, for this process and its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    remove_abandoned_directories()  # of the servers that a test killed, with their sockets in /tmp


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port)) as connected:
            # The kernel may choose the port itself as the source: then the socket has met only itself.
            return bool(connected.getsockname() != connected.getpeername())
    except ConnectionRefusedError:
        return False


def _socket_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0
