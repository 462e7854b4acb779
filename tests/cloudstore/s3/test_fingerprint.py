"""What tells that an object has changed."""

from __future__ import annotations

from typing import Any

from cloudstore import S3ObjectFingerprint


def test_an_object_with_versions_counts_by_its_version(new_store: Any, moto_options: Any) -> None:
    store = new_store(moto_options)
    store.client.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Enabled"})

    class Having:
        s3 = store.client

    def fingerprint() -> str:
        store.client.put_object(Bucket=store.bucket, Key="rows", Body=b"the same")
        return S3ObjectFingerprint().of(f"s3://{store.bucket}/rows", Having())

    first, second = fingerprint(), fingerprint()
    assert first.startswith("version ")
    assert first != second
