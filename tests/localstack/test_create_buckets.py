"""localstack/create_buckets.py, as the command that it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SCRIPT = Path(__file__).parents[2] / "localstack" / "create_buckets.py"
EXPIRE: Any = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}


@pytest.fixture
def new_name(bucket: str, client: S3Client) -> Iterator[str]:
    name = f"{bucket}-new"
    yield name
    client.delete_bucket(Bucket=name)


def create(options: dict[str, Any], *names: str) -> subprocess.CompletedProcess[str]:
    where = ["--endpoint-url", options["endpoint_url"], "--region", options["region_name"]]
    return subprocess.run([sys.executable, SCRIPT, *where, *names], capture_output=True, text=True, check=False)


def settings(client: S3Client, bucket: str) -> tuple[Any, dict[str, Any], set[bool]]:
    """Whether versions are kept, the lifecycle rules by id, and what of public access is blocked."""
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    blocked: Any = client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    versioning = client.get_bucket_versioning(Bucket=bucket).get("Status")
    return versioning, {rule["ID"]: rule for rule in rules}, set(blocked.values())


def test_a_new_bucket_has_the_settings_and_the_second_run_changes_nothing(
    options: dict[str, Any], client: S3Client, new_name: str
) -> None:
    done = create(options, new_name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{new_name}: created, multipart uploads aborted after 1 day")
    first = versioning, rules, blocked = settings(client, new_name)
    assert versioning is None
    assert [rule["AbortIncompleteMultipartUpload"] for rule in rules.values()] == [{"DaysAfterInitiation": 1}]
    assert blocked == {True}

    again = create(options, new_name)
    assert (again.stdout, again.stderr, again.returncode) == (f"{new_name}: unchanged\n", "", 0)
    assert settings(client, new_name) == first


def test_a_bucket_that_exists_keeps_its_other_rules(options: dict[str, Any], client: S3Client, bucket: str) -> None:
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [EXPIRE]})
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    client.delete_public_access_block(Bucket=bucket)
    done = create(options, bucket)
    assert done.returncode == 0, done.stderr
    assert "created" not in done.stdout
    versioning, rules, blocked = settings(client, bucket)
    assert versioning == "Suspended"
    assert rules.keys() == {"theirs", "abort-incomplete-multipart-uploads"}
    assert rules["theirs"]["Expiration"] == {"Days": 7}
    assert blocked == {True}


def test_a_name_that_is_none_is_an_error(options: dict[str, Any]) -> None:
    done = create(options, "Not_A_Name")
    assert done.returncode == 1
    assert done.stderr.startswith("create_buckets.py: Not_A_Name: ")
    assert "Traceback" not in done.stderr
