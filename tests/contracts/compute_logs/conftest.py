"""Compute log managers of every kind, each over a place of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import S3ComputeLogManager
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Makes a manager; the argument says on which machine, where those of one machine share its disk.
Make = Callable[..., ComputeLogManager]


@dataclass
class Bucket:
    """Where in which bucket logs are, and how to get at them."""

    client: S3Client
    name: str
    prefix: str
    options: dict[str, Any]

    def objects(self) -> dict[str, int]:
        """The keys below the prefix, without it, and the sizes of what they hold."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=f"{self.prefix}/")
        listed = [each for page in pages for each in page.get("Contents", [])]
        return {each["Key"].removeprefix(f"{self.prefix}/"): each["Size"] for each in listed}

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=f"{self.prefix}/{key}")["Body"].read()


@pytest.fixture(params=["local", "moto", "embedded"])
def kind(request: pytest.FixtureRequest) -> str:
    """Where the logs go."""
    name: str = request.param
    return name


@pytest.fixture
def bucket(request: pytest.FixtureRequest, kind: str) -> Bucket:
    """A place for a test, on the server that `kind` names."""
    client, name = request.getfixturevalue(f"{kind}_client"), request.getfixturevalue(f"{kind}_bucket")
    options = {**request.getfixturevalue("embedded_options"), "endpoint_url": client.meta.endpoint_url}
    return Bucket(client, name, f"logs/{uuid.uuid4()}", options)


@pytest.fixture
def make(request: pytest.FixtureRequest, kind: str, fenced: Path) -> Iterator[Make]:
    """Makes managers over one place; they are disposed of when the test ends."""
    made: list[ComputeLogManager] = []

    def make_one(machine: str = "here", **options: Any) -> ComputeLogManager:
        manager: ComputeLogManager
        if kind == "local":
            known = {name: value for name, value in options.items() if name == "max_log_bytes"}
            manager = LocalComputeLogManager(str(fenced), **known)
        else:
            place: Bucket = request.getfixturevalue("bucket")
            given = {"bucket": place.name, "prefix": place.prefix, **place.options, **options}
            manager = S3ComputeLogManager(local_dir=str(fenced / machine), **given)
            manager.follow_interval_seconds = 0.01
        made.append(manager)
        return manager

    yield make_one
    for manager in made:
        manager.dispose()


@pytest.fixture
def stored(request: pytest.FixtureRequest, kind: str, fenced: Path) -> Callable[[], dict[str, int]]:
    """Tells all that is kept, on the disk and in the bucket: where, and how many bytes."""

    def list_all() -> dict[str, int]:
        found = {
            str(path): path.stat().st_size for path in fenced.rglob("*") if path.is_file() and path.suffix != ".jsonl"
        }
        if kind != "local":
            place: Bucket = request.getfixturevalue("bucket")
            found |= {f"s3://{place.name}/{place.prefix}/{key}": size for key, size in place.objects().items()}
        return found

    return list_all
