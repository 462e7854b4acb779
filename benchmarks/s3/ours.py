"""cloudstore's file manager and IO manager."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO, Any

from benchmarks.s3.store import count_requests
from cloudstore import PickledObjectS3IOManager, S3FileManager
from cloudstore.client import make_client
from core.values.io_context import InputContext, OutputContext


class Store:
    """As the protocol says."""

    requests = 0

    def __init__(self, options: dict[str, Any], bucket: str) -> None:
        self.client = make_client({**options, "addressing_style": "path", "max_pool_connections": 32})
        self._files = S3FileManager(self.client, bucket, "ours")
        self._values = PickledObjectS3IOManager(bucket, self.client, "ours")
        count_requests(self)

    def write_file(self, path: Path) -> Any:
        with path.open("rb") as file:
            return self._files.write(file)

    def read_file(self, file: Any, sink: IO[bytes]) -> None:
        with self._files.read(file) as stream:
            shutil.copyfileobj(stream, sink, 1 << 20)

    def store(self, number: int, value: Any) -> None:
        self._values.handle_output(_output(number), value)

    def load(self, number: int) -> Any:
        return self._values.load_input(InputContext(name="x", pipeline_name="p", upstream_output=_output(number)))


def _output(number: int) -> OutputContext:
    return OutputContext("step", f"value{number}", "p", "run")
