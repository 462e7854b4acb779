"""A bucket behind a fault proxy, and instances whose compute logs are shipped to it."""

from __future__ import annotations

import gzip
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloudstore import S3ComputeLogManager
from cloudstore.testing import EmbeddedS3Server, FaultProxy
from cloudstore.transfer import list_objects
from core import DagsterInstance

PATIENCE_SECONDS = 30.0
PREFIX = "logs"


@dataclass
class LogLab:
    """Machines that ship logs to one bucket.

    Attributes:
        proxy: what they reach the bucket through.
        server: the store itself.
        bucket: the bucket.
        folder: has the machines' folders.
    """

    proxy: FaultProxy
    server: EmbeddedS3Server
    bucket: str
    folder: Path
    _managers: list[S3ComputeLogManager] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.direct: Any = self.server.client()

    def config(self, machine: str = "here", **options: Any) -> dict[str, Any]:
        """The config of a manager on a machine; it fails quickly."""
        return {
            "bucket": self.bucket,
            "prefix": PREFIX,
            "local_dir": str(self.spool(machine)),
            "endpoint_url": self.proxy.endpoint_url,
            "aws_access_key_id": self.server.access_key,
            "aws_secret_access_key": self.server.secret_key,
            "region_name": self.server.region,
            "addressing_style": "path",
            "max_attempts": 1,
            "exit_timeout_seconds": PATIENCE_SECONDS,
            **options,
        }

    def spool(self, machine: str = "here") -> Path:
        return self.folder / machine / "spool"

    def manager(self, machine: str = "here", **options: Any) -> S3ComputeLogManager:
        """A manager on a machine; disposed of when the test has ended."""
        self._managers.append(S3ComputeLogManager(**self.config(machine, **options)))
        return self._managers[-1]

    def home(self, machine: str = "here", **options: Any) -> Path:
        """The folder of an instance, with its dagster.yaml."""
        home = self.folder / machine / "home"
        home.mkdir(parents=True, exist_ok=True)
        section = {
            "module": "cloudstore.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": self.config(machine, **options),
        }
        home.joinpath("dagster.yaml").write_text(yaml.safe_dump({"compute_logs": section}))
        return home

    def instance(self, machine: str = "here", **options: Any) -> DagsterInstance:
        return DagsterInstance.from_config(str(self.home(machine, **options)))

    def all_keys(self) -> list[str]:
        """The keys of all objects, without what all begin with."""
        return sorted(
            each.key.removeprefix(f"{PREFIX}/storage/") for each in list_objects(self.direct, self.bucket, "")
        )

    def get(self, key: str) -> Any:
        """An object by a key of `all_keys`, with its content as `Body`."""
        answer = self.direct.get_object(Bucket=self.bucket, Key=f"{PREFIX}/storage/{key}")
        return {**answer, "Body": answer["Body"].read()}

    def content(self, key: str) -> bytes:
        """What a browser would show of an object."""
        answer = self.get(key)
        body: bytes = answer["Body"]
        return gzip.decompress(body) if answer.get("ContentEncoding") == "gzip" else body

    def logs(self) -> dict[str, bytes]:
        """What is in the bucket, by `step.out` and the like; only whole logs."""
        return {key.rpartition("/")[2]: self.content(key) for key in self.all_keys() if ".parts/" not in key}

    def left(self, machine: str = "here") -> list[str]:
        """What is in the spool of a machine."""
        spool = self.spool(machine)
        found = [Path(folder, name) for folder, folders, files in os.walk(spool) for name in [*folders, *files]]
        return sorted(str(path.relative_to(spool)) for path in found if path.name != ".writers")

    def requests(self) -> Counter[str]:
        return Counter(record.operation for record in self.proxy.records)

    def dispose(self) -> None:
        self.proxy.clear()
        for manager in self._managers:
            manager.dispose()


@pytest.fixture
def lab(s3_server: EmbeddedS3Server, bucket: str, tmp_path: Path) -> Iterator[LogLab]:
    with FaultProxy(s3_server.endpoint_url) as proxy:
        made = LogLab(proxy, s3_server, bucket, tmp_path)
        yield made
        made.dispose()


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """Returns when a condition holds; it fails when that does not come."""

    def wait(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
        deadline, never = time.monotonic() + seconds, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "what was waited for did not come"
            never.wait(0.02)

    return wait
