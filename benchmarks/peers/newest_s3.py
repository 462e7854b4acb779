"""File manager and IO manager of the newest dagster-aws. Runs in `.venv-peers` alone."""

import shutil
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from dagster_aws.s3 import PickledObjectS3IOManager, S3FileManager
from upath import UPath

from benchmarks.s3.store import count_requests

# What stores and loads looks at the path alone; to make a context out of a run takes Dagster longer than the request.
_NO_CONTEXT: Any = None


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
        self._values.dump_to_path(_NO_CONTEXT, value, _path(number))

    def load(self, number: int) -> Any:
        return self._values.load_from_path(_NO_CONTEXT, _path(number))


def _path(number: int) -> UPath:
    return UPath(f"storage/run/step/value{number}")
