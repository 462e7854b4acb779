"""File manager and IO manager of the newest dagster-aws. Runs in `.venv-peers` alone."""

import shutil
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from dagster import build_input_context, build_output_context
from dagster_aws.s3 import PickledObjectS3IOManager, S3FileManager

from benchmarks.s3.store import count_requests


class Store:
    """As the protocol says."""

    requests = 0

    def __init__(self, options: dict[str, Any], bucket: str) -> None:
        config = Config(s3={"addressing_style": "path"}, max_pool_connections=32)
        self.client = boto3.client("s3", config=config, **options)
        self._files = S3FileManager(self.client, bucket, "peer")
        self._values = PickledObjectS3IOManager(bucket, self.client, "peer")
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
        return self._values.load_input(build_input_context(name="x", upstream_output=_output(number)))


def _output(number: int) -> Any:
    return build_output_context(step_key="step", name=f"value{number}", run_id="run")
