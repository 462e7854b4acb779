"""What tells that an object, or a folder of objects, has changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cloudstore import S3ObjectFingerprint
from core.errors import DagsterInvariantViolationError, DagsterObjectStoreError, NoFingerprintError


@pytest.fixture(params=["embedded_options", "moto_options"])
def store(request: pytest.FixtureRequest, new_store: Any) -> Any:
    return new_store(request.getfixturevalue(request.param))


def fingerprint(store: Any, *keys: str) -> str:
    urls = [f"s3://{store.bucket}/{key}" for key in keys]
    return S3ObjectFingerprint().of(urls if len(urls) > 1 else urls[0], SimpleNamespace(s3=store.client))


def put(store: Any, key: str, body: bytes = b"1") -> Any:
    return store.client.put_object(Bucket=store.bucket, Key=key, Body=body).get("VersionId")


def versioned(new_store: Any, moto_options: Any) -> Any:
    store = new_store(moto_options)
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})
    return store


def test_an_object_with_versions_counts_by_its_version(new_store: Any, moto_options: Any) -> None:
    store = versioned(new_store, moto_options)

    def next_one() -> str:
        put(store, "rows", b"the same")
        return fingerprint(store, "rows")

    first, second = next_one(), next_one()
    assert first.startswith("version ")
    assert first != second


def test_a_version_that_is_named_counts_as_it_is(new_store: Any, moto_options: Any) -> None:
    store = versioned(new_store, moto_options)
    first, second = put(store, "rows", b"1"), put(store, "rows", b"2")
    seen = fingerprint(store, f"rows?versionId={first}")
    assert seen == f"version {first}"
    assert fingerprint(store, f"rows?versionId={second}") == f"version {second}" == fingerprint(store, "rows")
    put(store, "rows", b"3")
    assert fingerprint(store, f"rows?versionId={first}") == seen
    store.client.delete_object(Bucket=store.bucket, Key="rows", VersionId=first)
    with pytest.raises((NoFingerprintError, DagsterObjectStoreError)):
        fingerprint(store, f"rows?versionId={first}")


@pytest.mark.parametrize("url", ["data/", "data"])
def test_a_folder_counts_by_the_objects_in_it(store: Any, url: str) -> None:
    put(store, "data2/other")
    put(store, "data/a")
    seen = [fingerprint(store, url)]
    put(store, "data/a")
    put(store, "data2/other", b"changed")
    assert fingerprint(store, url) == seen[0]
    changes = [
        lambda: put(store, "data/a", b"2"),
        lambda: put(store, "data/sub/deep"),
        lambda: store.client.delete_object(Bucket=store.bucket, Key="data/a"),
        lambda: put(store, "data/b", b"2"),
    ]
    for change in changes:
        change()
        seen.append(fingerprint(store, url))
    assert len(set(seen)) == 5


def test_an_object_costs_one_head_and_a_folder_a_listing(store: Any) -> None:
    put(store, "data/a")
    sent: list[str] = []
    store.client.meta.events.register("before-call.s3", lambda model, **_: sent.append(model.name))
    fingerprint(store, "data/a")
    assert sent == ["HeadObject"]
    sent.clear()
    fingerprint(store, "data/")
    assert sent == ["ListObjectsV2"]


@pytest.mark.parametrize("url", ["data", "data/", "data/*.csv"])
def test_what_is_not_there_has_no_fingerprint(store: Any, url: str) -> None:
    with pytest.raises(NoFingerprintError, match=r"there is no object s3://.*, and none in a folder of this name"):
        fingerprint(store, url)


def test_of_many_each_counts(store: Any) -> None:
    put(store, "a")
    put(store, "b")
    before = fingerprint(store, "a", "b")
    put(store, "b", b"2")
    assert fingerprint(store, "a", "b") != before
    store.client.delete_object(Bucket=store.bucket, Key="a")
    with pytest.raises(NoFingerprintError):
        fingerprint(store, "a", "b")


@pytest.mark.parametrize("value", [None, 5, "", "data/rows", "s3://", "s3://bucket", "https://bucket/key", b"s3://b/k"])
def test_what_is_no_url_is_refused(value: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="Expected a URL like s3://bucket/key, got"):
        S3ObjectFingerprint().of(value, SimpleNamespace(s3=None))
