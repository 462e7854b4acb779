"""What the integration tests need of a store. There are none where CLOUDSTORE_TEST_S3_ENDPOINT does not name one.

`make test-localstack` names LocalStack. On any store, the credentials that AWS tools find must be allowed to create
buckets; each test has a bucket of its own and deletes it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore.client import make_client

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ENDPOINT = os.environ.get("CLOUDSTORE_TEST_S3_ENDPOINT")
ROOT = Path(__file__).parents[2]

collect_ignore_glob = [] if ENDPOINT else ["test_*.py"]
if not (ROOT / ".venv-localstack" / ".installed").is_file():
    collect_ignore_glob.append("test_run_host.py")  # which is not to install LocalStack for the sake of another store


@pytest.fixture(scope="session")
def options() -> dict[str, Any]:
    """Options of `s3_resource` for the store; the credentials come from the environment."""
    assert ENDPOINT is not None
    return {"endpoint_url": ENDPOINT, "region_name": os.environ.get("AWS_DEFAULT_REGION", "us-east-1")}


@pytest.fixture(scope="session")
def client(options: dict[str, Any]) -> S3Client:
    return make_client(options)


@pytest.fixture
def bucket(client: S3Client) -> Iterator[str]:
    """The name of a new, empty bucket."""
    name = f"cloudstore-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    yield name
    for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", []):
        client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            client.delete_object(Bucket=name, Key=item["Key"])
    client.delete_bucket(Bucket=name)
