"""What the tests of storages share: odd texts, other processes, buckets on two servers."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore.client import make_client
from cloudstore.testing import EmbeddedS3Server

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

HOSTILE = [
    "'; drop table runs; --",
    '"); delete from events; --',
    "%' or 1=1 --",
    "../../etc/passwd",
    "../secret",
    "..",
    ".",
    "/etc/passwd",
    "a/b",
    "a\\..\\b",
    "a\0b",
    "🦆 é e\u0301",
    "\u202etxt.exe",
    " ",
    "\r\n",
    "%2e%2e%2f",
    "?x=1#y",
    "~root",
    "-rf",
    "a.db-wal",
    "index",
    "",
    "\udce9",
    "x" * 10_000,
    "🦆" * 300,
]


@pytest.fixture(params=HOSTILE, ids=lambda text: ascii(text[:20]))
def hostile(request: pytest.FixtureRequest) -> str:
    """A text that storages must give back as it is, or refuse."""
    text: str = request.param
    return text


@pytest.fixture
def fenced(tmp_path: Path) -> Iterator[Path]:
    """A directory for a storage, three levels down, out of which it must not have written when the test ends."""
    base = tmp_path / "x" / "y" / "base"
    base.mkdir(parents=True)
    (tmp_path / "x" / "secret").write_text("not for you")
    yield base
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            real = Path(os.path.realpath(Path(folder, name)))
            assert real.is_relative_to(base) or real == tmp_path / "x" / "secret", f"written outside: {real}"


StartPython = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Starts another Python with a script; its stdin and stdout are pipes. It ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture(scope="session")
def moto_client(moto_options: dict[str, Any]) -> S3Client:
    """A client of moto."""
    return make_client(moto_options)


@pytest.fixture(scope="session")
def embedded_client(embedded_options: dict[str, Any]) -> S3Client:
    """A client of the embedded server."""
    return make_client(embedded_options)


@pytest.fixture(scope="session")
def new_moto_bucket(moto_client: S3Client) -> Callable[[], str]:
    """Makes a bucket on moto and returns its name."""

    def new() -> str:
        name = f"bucket-{uuid.uuid4().hex}"
        moto_client.create_bucket(Bucket=name)
        return name

    return new


@pytest.fixture(scope="session")
def moto_bucket(new_moto_bucket: Callable[[], str]) -> str:
    """A bucket on moto for many tests; each takes a prefix of its own."""
    return new_moto_bucket()


@pytest.fixture(scope="session")
def embedded_bucket(s3_server: EmbeddedS3Server) -> str:
    """A bucket on the embedded server for many tests; each takes a prefix of its own."""
    return s3_server.create_bucket()
