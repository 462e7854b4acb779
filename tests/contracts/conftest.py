"""Buckets on two servers, for the implementations that keep things there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore.client import make_client
from cloudstore.testing import EmbeddedS3Server

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


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
