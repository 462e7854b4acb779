"""Clearing the uploads of killed processes under exactly the policy of docs/permissions.md, on moto with IAM."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.authorization import enable_iam_authentication
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from cloudstore.client import make_client
from cloudstore.leftover_uploads import clear_uploads
from core.errors import DagsterObjectStoreError
from core.records.removal import Removal

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
BUCKET, KEY = "my-bucket", "teams/data/files/one"  # in the document's bucket, below its prefix
ACCOUNT = "123456789012"  # moto's
SIZE = 6 << 20

Policy = dict[str, Any]


def documented_policy() -> Policy:
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## Uploads of killed processes\n")[2]
    block = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert block
    policy: Policy = json.loads(block[1])
    return policy


POLICY = documented_policy()
ACTIONS = {action for statement in POLICY["Statement"] for action in statement["Action"]}


def without(action: str) -> Policy:
    less = copy.deepcopy(POLICY)
    for statement in less["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


@pytest.fixture
def bucket(moto_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The store's own view of a bucket; whoever has no credentials in the environment may do nothing with it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    make_client(moto_options).create_bucket(Bucket=BUCKET)
    try:
        yield s3_backends[ACCOUNT]["aws"].buckets[BUCKET]
    finally:
        s3_backends[ACCOUNT]["aws"].delete_bucket(BUCKET)
        iam_backends[ACCOUNT]["aws"].users.clear()


def clear(
    policy: Policy, moto_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any]
) -> list[Removal]:
    """What is cleared with the credentials of a user who may do what `policy` says, from the environment."""
    users = iam_backends[ACCOUNT]["aws"]
    users.create_user("us-east-1", "pruner")
    users.put_user_policy("pruner", "the-policy", json.dumps(policy))
    key = users.create_access_key("pruner")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    config = {name: moto_options[name] for name in ("endpoint_url", "region_name", "addressing_style")}
    with enable_iam_authentication():
        return list(clear_uploads(config, [entry], list, dry_run=False))


def begun(moto_options: dict[str, Any], with_part: bool) -> tuple[str, dict[str, Any]]:
    """An upload, and its entry without the id."""
    client = make_client(moto_options)
    upload_id = client.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"]
    if with_part:
        client.upload_part(Bucket=BUCKET, Key=KEY, UploadId=upload_id, PartNumber=1, Body=bytes(SIZE))
    (listed,) = client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    # moto says of each upload that it began at this moment, whatever moment it was.
    return upload_id, {"bucket": BUCKET, "key": KEY, "began_at": listed["Initiated"].timestamp()}


def test_the_policy_has_the_three_actions() -> None:
    assert {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads"} == ACTIONS


def test_uploads_are_cleared_under_exactly_the_policy(
    bucket: Any, moto_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, entry = begun(moto_options, with_part=True)
    (removal,) = clear(POLICY, moto_options, monkeypatch, {**entry, "upload_id": upload_id})
    assert removal == Removal("multipart upload", f"s3://{BUCKET}/{KEY} (upload {upload_id})", SIZE)
    assert not bucket.multiparts


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_action_less(
    bucket: Any, moto_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, action: str, is_known: bool
) -> None:
    """Without the two that list, an upload whose id is known is aborted all the same; else the error names it."""
    upload_id, entry = begun(moto_options, with_part=is_known)
    if is_known and action != "s3:AbortMultipartUpload":
        (removal,) = clear(without(action), moto_options, monkeypatch, {**entry, "upload_id": upload_id})
        assert removal.size_bytes == (0 if action == "s3:ListMultipartUploadParts" else SIZE)
        assert not bucket.multiparts
        return
    with pytest.raises(DagsterObjectStoreError, match=f"allow {action} there"):
        clear(without(action), moto_options, monkeypatch, {**entry, **({"upload_id": upload_id} if is_known else {})})
    assert list(bucket.multiparts) == [upload_id]
    bucket.multiparts.clear()
