"""Code servers, as `cloudstore api grpc` runs them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.code_calls.client import call
from core.code_calls.wire import Address
from core.code_servers import GrpcCodeLocation
from core.process.children import children_of
from core.records.origin import GrpcServerRepositoryLocationOrigin

SHOP_FILE = Path(__file__).with_name("shop.py")
WAIT_SECONDS = 30.0


def until(holds: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """What a function gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.005)
    return found


def lives(pid: int) -> bool:
    """Whether there is a process of that id which has not ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Served:
    """A server that was started by the command.

    Args:
        arguments: of the command.
        folder: the working directory.
    """

    def __init__(self, arguments: tuple[str, ...], folder: Path) -> None:
        ours, theirs = os.pipe()
        command = [sys.executable, "-m", "cloudstore", "api", "grpc", *arguments, "--ipc-output-file"]
        self.process = subprocess.Popen(
            [*command, f"/dev/fd/{theirs}"],
            pass_fds=[theirs],
            cwd=folder,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        with os.fdopen(ours) as file:
            self.told = json.loads(file.readline() or "{}")
        self.pid = self.process.pid
        if self.told:
            self.address = Address(self.told["host"], self.told.get("port"), self.told.get("socket"))

    def call(self, method: str, text: str = "", seconds: float = WAIT_SECONDS) -> str:
        """What a method replies."""
        return call(self.address, method, text, seconds)

    def location(self) -> GrpcCodeLocation:
        """The location that it serves."""
        address = self.address
        return GrpcCodeLocation(GrpcServerRepositoryLocationOrigin(address.host, address.port, address.socket, "shop"))

    def code_pid(self) -> int:
        """The process that has the code."""
        return next(iter(until(lambda: children_of(self.pid))))

    def close(self) -> str:
        """Ends it, whatever it does; returns what it wrote to stderr."""
        self.process.kill()
        _, told = self.process.communicate()
        return told


StartServer = Callable[..., Served]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers, of `shop` where nothing else is said; they end with the test."""
    started: list[Served] = []

    def start(*arguments: str, file: Path = SHOP_FILE, at: tuple[str, ...] = ("--port", "0")) -> Served:
        started.append(Served(("-f", str(file), *at, *arguments), tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.close()


def readable(descriptor: int) -> bool:
    """Whether something can be read there within a while."""
    return bool(select.select([descriptor], [], [], WAIT_SECONDS)[0])
