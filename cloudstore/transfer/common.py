"""What both directions need."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from core.errors import DagsterObjectNotFoundError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.8


class S3AnswerCut(DagsterObjectStoreError):
    """An answer that began as a success lacks what every such answer has: it broke off on the way."""


def require(answer: Mapping[str, Any], names: tuple[str, ...], action: str, bucket: str, key: str) -> None:
    """Checks that an answer came whole; botocore takes one for a success that ends before, or within, its headers.

    Raises:
        S3AnswerCut: it lacks one of `names`.
    """
    missing = [name for name in names if name not in answer]
    if missing:
        raise S3AnswerCut(
            f"{action} on {s3_url(bucket, key)}: the store's answer broke off before its {missing[0]}, so what it "
            "did is not known. Try again."
        )


def ask(send: Callable[[], Any], needed: tuple[str, ...], action: str, bucket: str, key: str) -> Any:
    """The answer to a request that may be sent again; it is, when the answer lacks one of `needed`.

    Raises:
        DagsterObjectStoreError: as `translate_errors`; S3AnswerCut, when that happens five times in a row.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with translate_errors(action, bucket, key), _whole_values(action, bucket, key):
                answer = send()
            require(answer, needed, action, bucket, key)
        except S3AnswerCut:
            if attempt == _ATTEMPTS:
                raise
            pause(attempt)
        else:
            return answer
    raise AssertionError("the last attempt returned or raised")


@contextmanager
def _whole_values(action: str, bucket: str, key: str) -> Iterator[None]:
    """Tells a header that was cut in its value; botocore raises a bare ValueError for a date or number that is none."""
    try:
        yield
    except UnicodeError:  # of a key that is no text
        raise
    except ValueError as error:
        raise S3AnswerCut(
            f"{action} on {s3_url(bucket, key)}: the store's answer broke off within a header ({error}), so what it "
            "did is not known. Try again."
        ) from error


def exists(client: S3Client, bucket: str, key: str) -> bool:
    """Whether there is an object with exactly this key. In a missing bucket there is none.

    Raises:
        DagsterObjectAccessError: when the store refuses to say; AWS does for a missing object, where s3:ListBucket
            is not granted.
    """
    try:
        with translate_errors("HeadObject", bucket, key):
            client.head_object(Bucket=bucket, Key=key)
    except DagsterObjectNotFoundError:
        return False
    return True


def pause(attempt: int) -> None:
    """Waits before the attempt after this one (from 1), a while that grows and is random."""
    longest = min(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads retries, hides nothing
