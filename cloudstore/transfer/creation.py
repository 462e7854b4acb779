"""Making an object appear at its key, maybe on a condition, although answers may be lost and requests repeated."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudstore.s3.errors import S3ConditionConflict, S3ConditionFailed, answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import Attempts, S3AnswerCut, exists, was_repeated
from core.errors import DagsterObjectAccessError, DagsterObjectNotFoundError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WRITE_ID = "cloudstore-write-id"
_MOST_ATTEMPTS = 8


class Creation:
    """One object that is about to appear.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: the object's exact key.
        settings: parameters of the request that describe the object, its metadata among them.
        if_absent: create it only where the key has no object yet.
        if_match: create it only in place of the object with this ETag.

    Attributes:
        settings: as given.
        condition: the parameters of the request that it is on condition of; {} when there is none.
        etag: the new object's ETag; None until it is there, and where the store did not say.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        key: str,
        settings: dict[str, Any],
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> None:
        self.client, self.bucket, self.key = client, bucket, key
        self.settings = settings
        self.condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match:
            self.condition = {"IfMatch": if_match}
        self.etag: str | None = None
        self._if_absent = if_absent
        self._write_id = uuid.uuid4().hex

    @property
    def identified_settings(self) -> dict[str, Any]:
        """dict[str, Any]: the settings, with an id in the metadata by which this writer knows its object."""
        return self.settings | {"Metadata": {**self.settings.get("Metadata", {}), WRITE_ID: self._write_id}}

    def create(self, action: str, send: Callable[[], str | None]) -> bool:
        """Sends the request that makes the object appear.

        Args:
            action: the S3 operation.
            send: sends it, and returns the ETag.

        Returns:
            bool: False when the condition was not met.

        Raises:
            DagsterObjectStoreError: as `translate_errors`; S3ConditionConflict and S3AnswerCut after eight attempts.
        """
        attempts, is_first = Attempts(_MOST_ATTEMPTS), True
        while True:
            try:
                with translate_errors(action, self.bucket, self.key):
                    self.etag = send()
            except (S3ConditionConflict, S3AnswerCut):
                if not attempts.again():
                    raise
            except DagsterObjectStoreError as error:
                created = self._has_created(error, not is_first or was_repeated(answer_to(error)))
                if created is not None:
                    return created
                if not attempts.again():
                    raise self._contradiction(action) from error
            else:
                return True
            is_first = False

    def _has_created(self, error: DagsterObjectStoreError, is_repeated: bool) -> bool | None:
        """Whether the object is there although the last request was refused; None to try again.

        The first sending may have succeeded with its answer lost. Then the second meets our own object, or an upload
        that is completed and gone.

        Raises:
            DagsterObjectStoreError: `error`, when it is not about the condition.
        """
        is_unmet, is_gone = isinstance(error, S3ConditionFailed), code_of(answer_to(error)) == "NoSuchUpload"
        if is_repeated and (is_unmet or is_gone) and self._is_ours():
            return True
        if is_unmet and self._if_absent:
            return False if self._is_taken() else None  # what was there is gone again
        if is_unmet and self.condition:
            return False
        if is_repeated and is_gone and self._if_absent and exists(self.client, self.bucket, self.key):
            return False
        raise error

    def _is_ours(self) -> bool:
        try:
            with translate_errors("HeadObject", self.bucket, self.key):
                stored = self.client.head_object(Bucket=self.bucket, Key=self.key)
        except DagsterObjectNotFoundError:
            return False
        self.etag = stored.get("ETag")
        return stored["Metadata"].get(WRITE_ID) == self._write_id

    def _is_taken(self) -> bool:
        """Whether the key has an object, as the store said; where we may not look, its word counts."""
        try:
            return exists(self.client, self.bucket, self.key)
        except DagsterObjectAccessError:
            return True

    def _contradiction(self, action: str) -> DagsterObjectStoreError:
        return DagsterObjectStoreError(
            f"{action} on {s3_url(self.bucket, self.key)}: the store refuses to create the object because there is one "
            "already, but has none when asked for it; nothing was stored. SeaweedFS does this where other keys begin "
            'with this one and a "/". Choose another key, or overwrite.'
        )
