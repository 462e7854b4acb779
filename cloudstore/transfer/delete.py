"""Deleting objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from cloudstore.transfer.asking import Attempts, S3AnswerCut

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ErrorTypeDef

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_MOST_KEYS = 1000


def delete_objects(client: S3Client, bucket: str, keys: Sequence[str]) -> None:
    """Deletes objects, 1,000 in each request; missing ones are ignored.

    A batch is sent again when the answer does not name all its keys.

    Raises:
        DagsterObjectStoreError: as `translate_errors`, also where the store deleted some and refused others;
            S3AnswerCut, where five answers in a row do not name all keys.
    """
    for start in range(0, len(keys), _MOST_KEYS):
        _delete_batch(client, bucket, keys[start : start + _MOST_KEYS])


def _delete_batch(client: S3Client, bucket: str, batch: Sequence[str]) -> None:
    attempts = Attempts()
    while True:
        with translate_errors("DeleteObjects", bucket, batch[0]):
            # Not "Quiet": an answer that was cut within its headers looks like one that names no key.
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch]})
        refusals = answer.get("Errors", [])
        for refused in refusals:
            _raise_refusal(refused, bucket)
        # Counted, because a key that XML cannot hold, such as one with a carriage return, may be named as another.
        if len(answer.get("Deleted", [])) + len(refusals) >= len(set(batch)):
            return
        if not attempts.again():
            raise S3AnswerCut(
                f"DeleteObjects on {s3_url(bucket, batch[0])} and {len(batch) - 1} more: the store's answers do not "
                "name all keys, so it is not known which objects it deleted. Try again."
            )


def _raise_refusal(refused: ErrorTypeDef, bucket: str) -> None:
    """Raises the refusal of one key in an answer that is a success as a whole."""
    from botocore.exceptions import ClientError  # lazy, and loaded already: a client has answered

    code = refused.get("Code", "")
    if code == "NoSuchKey":
        return
    status = 403 if code == "AccessDenied" else 200
    with translate_errors("DeleteObjects", bucket, refused.get("Key")):
        raise ClientError(
            {
                "Error": {"Code": code, "Message": refused.get("Message", "")},
                "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]  # the rest is unknown
            },
            "DeleteObjects",
        )
