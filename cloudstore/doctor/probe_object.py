"""The requests that are tried out: on one key, which nothing else uses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from cloudstore.doctor.target import Target
from cloudstore.s3.errors import answer_to, code_of, translate_errors
from core.errors import DagsterError, DagsterObjectNotFoundError, DagsterObjectStoreError

_CONTENT = b"cloudstore doctor"


class ProbeObject:
    """An object that may come to be, and goes again.

    Args:
        target: the place in a bucket where it is.

    Attributes:
        key: its key.
        versions: what a bucket that keeps versions has kept of it.

    Raises:
        DagsterInvariantViolationError: the target's prefix is one that no store keeps.
    """

    def __init__(self, target: Target) -> None:
        self._client, self._bucket, self._prefix = target.client, target.bucket, target.prefix
        self.key = target.probe_key(uuid.uuid4().hex)
        self.versions: list[str] = []
        self._at: dict[str, Any] = {"Bucket": self._bucket, "Key": self.key}

    def attempt(self, operation: str, send: Callable[[], Any]) -> DagsterError | None:
        """Sends a request; what refused it, if anything did."""
        try:
            with translate_errors(operation, self._bucket, self.key):
                send()
        except DagsterObjectNotFoundError:
            return None
        except DagsterObjectStoreError as error:
            return None if code_of(answer_to(error)) == "NoSuchUpload" else error
        return None

    def list(self) -> None:
        self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def head(self) -> Any:
        """The answer to a HEAD, whatever it is; {} when there was none."""
        try:
            with translate_errors("HeadObject", self._bucket, self.key):
                return self._client.head_object(**self._at)
        except DagsterObjectStoreError as error:
            return answer_to(error)

    def put(self, **condition: Any) -> None:
        self._keep_version(self._client.put_object(**self._at, Body=_CONTENT, **condition))

    def get(self) -> None:
        self._client.get_object(**self._at)["Body"].close()

    def delete(self) -> None:
        self._keep_version(self._client.delete_object(**self._at))

    def delete_versions(self) -> DagsterError | None:
        """Deletes what a bucket that keeps versions has kept of the probe."""
        while self.versions:
            version = self.versions[-1]
            delete = partial(self._client.delete_object, **self._at, VersionId=version)
            error = self.attempt("DeleteObject", delete)
            if error is not None:
                return error
            self.versions.pop()
        return None

    def _keep_version(self, answer: Any) -> None:
        if version := answer.get("VersionId"):
            self.versions.append(version)

    def abort(self, upload_id: str) -> None:
        self._client.abort_multipart_upload(**self._at, UploadId=upload_id)

    def create_and_abort(self) -> None:
        self.abort(self._client.create_multipart_upload(**self._at)["UploadId"])

    def region(self) -> str:
        """What the bucket says of itself, where it is allowed to ask."""
        answer: Any
        try:
            with translate_errors("HeadBucket", self._bucket):
                answer = self._client.head_bucket(Bucket=self._bucket)
        except DagsterObjectStoreError as error:
            answer = answer_to(error)  # a refusal says the region too
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or answer.get("BucketRegion")
        told = f"region {region}" if region else f"it tells no region, the client's is {self._client.meta.region_name}"
        return f"s3://{self._bucket} exists, the credentials are accepted; {told}"
