"""Where the values of a chain of steps are stored, and how long it takes to find them again."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.memo.programs import HEADS, RUN
from cloudstore.testing import EmbeddedS3Server

_THREADS = 16


@dataclass(frozen=True)
class Place:
    """A chain, the store of its values, and the folder of the instance that knows them.

    Attributes:
        kind: "disk" or "s3".
        resources: the run config of its resources.
        instance: the folder.
        steps: how many.
    """

    kind: str
    resources: Mapping[str, Any]
    instance: Path
    steps: int

    def fill(self) -> None:
        """Executes all steps."""
        self._run(str(self.instance), stored=0)

    def known(self) -> float:
        """Seconds of a run whose values are all stored, on the instance that stored them."""
        return self._run(str(self.instance), stored=self.steps)

    def unknown(self) -> float:
        """The same on a new instance, as on another person's machine."""
        return self._run("", stored=self.steps)

    def _run(self, instance: str, stored: int) -> float:
        return seconds(sys.executable, "-c", RUN, self.kind, json.dumps(self.resources), instance, self.steps, stored)


def on_disk(folder: Path, steps: int) -> Place:
    """A folder of its own."""
    config = {"base_dir": str(folder / f"disk{steps}")}
    return Place("disk", {"io_manager": {"config": config}}, folder / "disk", steps)


@dataclass(frozen=True)
class Bucket:
    """A bucket, behind the proxy that counts and delays requests.

    Attributes:
        server: the store.
        endpoint_url: the proxy's.
        name: the bucket's.
        folder: for instances, and for lists of keys.
    """

    server: EmbeddedS3Server
    endpoint_url: str
    name: str
    folder: Path

    def place(self, prefix: str, steps: int) -> Place:
        """A prefix of its own."""
        values = {"s3_bucket": self.name, "s3_prefix": prefix}
        client = {**self._options, "addressing_style": "path"}
        resources = {"io_manager": {"config": values}, "s3": {"config": client}}
        return Place("s3", resources, self.folder / "s3", steps)

    def add_older_versions(self, prefix: str, count: int) -> None:
        """Stores other versions next to each value, as if by earlier code."""
        folders = [key.rpartition("/")[0] for key in self._keys(prefix)]
        older = [f"{folder}/{secrets.token_hex(32)}" for folder in folders for _ in range(count)]
        with closing(self.server.client()) as client, ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(lambda key: client.put_object(Bucket=self.name, Key=key, Body=b"older"), older):
                pass

    def heads(self, prefix: str, threads: int = 1) -> float:
        """Seconds of a bare loop that asks for each value by its key."""
        keys = self.folder / "keys"
        keys.write_text("\n".join(self._keys(prefix)))
        return seconds(sys.executable, "-c", HEADS, json.dumps(self._options), self.name, keys, threads)

    def heads_by_threads(self, prefix: str) -> float:
        """The same by 16 threads."""
        return self.heads(prefix, _THREADS)

    def _keys(self, prefix: str) -> list[str]:
        with closing(self.server.client()) as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"{prefix}/")
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    @property
    def _options(self) -> dict[str, str]:
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.server.access_key,
            "aws_secret_access_key": self.server.secret_key,
            "region_name": self.server.region,
        }


def seconds(*command: object) -> float:
    """What a program prints on its last line.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.splitlines()[-1])
