"""What the measures ask of each way to use a bucket, so that one program measures them all; imports none of them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol

OURS, BARE, PEER = "cloudstore", "boto3", "dagster-aws"
_MODULES = {OURS: "benchmarks.s3.ours", BARE: "benchmarks.s3.bare", PEER: "benchmarks.peers.newest_s3"}


class Store(Protocol):
    """A bucket, and a client with 32 connections that counts its requests."""

    client: Any
    requests: int

    def write_file(self, path: Path) -> Any:
        """Uploads a file; returns what `open_file` takes."""

    def read_file(self, file: Any, sink: IO[bytes]) -> None:
        """Reads a file that was uploaded, to its end."""

    def store(self, number: int, value: Any) -> None:
        """Stores the output of a step."""

    def load(self, number: int) -> Any:
        """Loads it as an input."""


def opened(engine: str, options: dict[str, Any], bucket: str) -> Store:
    """The bucket by one of the ways."""
    store: Store = import_module(_MODULES[engine]).Store(options, bucket)
    return store


def count_requests(store: Store) -> None:
    """Begins to count."""

    def count(**_: Any) -> None:
        store.requests += 1

    store.requests = 0
    store.client.meta.events.register("before-send.s3", count)
