"""The requests that are tried out, all on one key that nothing else uses."""

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
    """An object that is written and deleted again.

    Args:
        target: the place in a bucket where it is.

    Attributes:
        key: its key.
        versions: the versions of it that the bucket has kept, if it keeps versions.

    Raises:
        DagsterInvariantViolationError: the target's prefix is one that no store keeps.
    """

    def __init__(self, target: Target) -> None:
        self._client, self._bucket, self._prefix = target.client, target.bucket, target.prefix
        self.key = target.probe_key(uuid.uuid4().hex)
        self.versions: list[str] = []
        self._at: dict[str, Any] = {"Bucket": self._bucket, "Key": self.key}

    def attempt(self, operation: str, send: Callable[[], Any]) -> DagsterError | None:
        """Sends a request; returns the error that it met, if any. A missing object is not an error."""
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
        """Deletes the versions of the probe that the bucket has kept, if it keeps versions."""
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
        """What the bucket says about itself, as far as asking is allowed."""
        answer: Any
        try:
            with translate_errors("HeadBucket", self._bucket):
                answer = self._client.head_bucket(Bucket=self._bucket)
        except DagsterObjectStoreError as error:
            answer = answer_to(error)  # a refusal says the region too
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region") or answer.get("BucketRegion")
        told = (
            f"region {region}"
            if region
            else f"it does not say its region, the client's is {self._client.meta.region_name}"
        )
        return f"s3://{self._bucket} exists, the credentials are accepted; {told}"
