"""What all tests may use: one embedded S3 server per process (with xdist: per worker), a fresh bucket per test."""

from collections.abc import Iterator

import pytest

from cloudstore.testing import EmbeddedS3Server, embedded_s3_server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[EmbeddedS3Server]:
    """A running S3 server; make clients with `s3_server.client()`."""
    with embedded_s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3_server: EmbeddedS3Server) -> str:
    """The name of a new, empty bucket on `s3_server`."""
    return s3_server.create_bucket()
