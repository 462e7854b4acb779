"""boto3 as one would use it without any of this: upload_file, download_file, put_object, get_object."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import IO, Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from benchmarks.s3.store import count_requests

_SETTINGS = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20, max_concurrency=4)


class Store:
    """As the protocol says."""

    requests = 0

    def __init__(self, options: dict[str, Any], bucket: str) -> None:
        config = Config(s3={"addressing_style": "path"}, max_pool_connections=32)
        self.client = boto3.client("s3", config=config, **options)
        self._bucket = bucket
        count_requests(self)

    def write_file(self, path: Path) -> Any:
        self.client.upload_file(str(path), self._bucket, "bare/file", Config=_SETTINGS)

    def read_file(self, file: Any, sink: IO[bytes]) -> None:
        """Into a file, as boto3 has no stream of parts: reading that one again is not a part of what is measured."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "copy")
            self.client.download_file(self._bucket, "bare/file", str(path))
            with path.open("rb") as copy:
                sink.seek(copy.seek(0, os.SEEK_END))

    def store(self, number: int, value: Any) -> None:
        self.client.put_object(Bucket=self._bucket, Key=f"bare/{number}", Body=pickle.dumps(value, 5))

    def load(self, number: int) -> Any:
        return pickle.loads(self.client.get_object(Bucket=self._bucket, Key=f"bare/{number}")["Body"].read())
