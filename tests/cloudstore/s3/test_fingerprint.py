"""What tells that an object has changed."""

from __future__ import annotations

from typing import Any

from cloudstore import S3ObjectFingerprint


def test_an_object_with_versions_counts_by_its_version(moto_client: Any, moto_bucket: str) -> None:
    moto_client.put_bucket_versioning(Bucket=moto_bucket, VersioningConfiguration={"Status": "Enabled"})

    class Having:
        s3 = moto_client

    def fingerprint() -> str:
        moto_client.put_object(Bucket=moto_bucket, Key="rows", Body=b"the same")
        return S3ObjectFingerprint().of(f"s3://{moto_bucket}/rows", Having())

    first, second = fingerprint(), fingerprint()
    assert first.startswith("version ")
    assert first != second
