"""Multipart uploads that are not completed: they are aborted, or a warning says that their parts stay."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from cloudstore.s3.errors import answer_to, code_of, translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import ask
from core.errors import DagsterObjectStoreError
from core.printable import printable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CLOCK_GRAIN = timedelta(seconds=2)  # stores give whole seconds
_ADVICE = "cost until a lifecycle rule AbortIncompleteMultipartUpload of the bucket deletes them"
_log = logging.getLogger(__name__)


def abort(client: S3Client, bucket: str, key: str, upload_id: str) -> None:
    """Aborts an upload. Errors of the store are not raised: a warning says when its parts stay."""
    try:
        with translate_errors("AbortMultipartUpload", bucket, key):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except DagsterObjectStoreError as error:
        if code_of(answer_to(error)) != "NoSuchUpload":
            _log.warning("The parts of upload %s stay, and %s: %s", *_shown(upload_id, _ADVICE, error))


def abort_lost(client: S3Client, bucket: str, key: str, known_id: str, age_seconds: float, is_alone: bool) -> None:
    """Aborts uploads whose ids were lost with the answers to CreateMultipartUpload. It raises no more than `abort`.

    They are recognised by their key and their time. A key with conditional writes has several writers, whose
    uploads look the same; there nothing is aborted, and a warning says that one may stay.

    Args:
        known_id: the upload to keep; "" when every answer was lost.
        age_seconds: how long ago the first of the requests was sent.
        is_alone: whether this is the key's only writer.
    """
    try:
        found = begun_lately(client, bucket, key, age_seconds)
    except DagsterObjectStoreError as error:
        _log.warning(
            "An upload to %s may have begun although its id did not arrive here; if so, its parts stay, and %s. "
            "Finding it needs s3:ListBucketMultipartUploads: %s",
            *_shown(s3_url(bucket, key), _ADVICE, error),
        )
        return
    for upload_id in found:
        if upload_id != known_id and is_alone:
            abort(client, bucket, key, upload_id)
        elif upload_id != known_id:
            _log.warning(
                "Upload %s to %s may be abandoned; if so, its parts stay, and %s.",
                *_shown(upload_id, s3_url(bucket, key), _ADVICE),
            )


def _shown(*said: object) -> list[str]:
    return [printable(str(each)) for each in said]


def begun_lately(
    client: S3Client, bucket: str, key: str, age_seconds: float, least_age_seconds: float | None = None
) -> list[str]:
    """Ids of the uploads of exactly this key that began within a span of time, by the store's clock.

    Args:
        age_seconds: the maximum age.
        least_age_seconds: the minimum age, if there is one.

    Raises:
        DagsterObjectStoreError: as `translate_errors`.
    """

    def list_them() -> Any:
        return client.list_multipart_uploads(Bucket=bucket, Prefix=key)

    answer = ask(list_them, ("IsTruncated",), "ListMultipartUploads", bucket, key)
    now = _time_of(answer)
    first = now - timedelta(seconds=age_seconds) - _CLOCK_GRAIN
    last = None if least_age_seconds is None else now - timedelta(seconds=least_age_seconds) + _CLOCK_GRAIN
    return [
        each["UploadId"]
        for each in answer.get("Uploads", [])
        if each["Key"] == key and each["Initiated"] >= first and (last is None or each["Initiated"] <= last)
    ]


def _time_of(answer: Any) -> datetime:
    """The store's time, on the clock by which it dates uploads."""
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
