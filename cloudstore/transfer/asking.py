"""Requests that are sent again when their answers broke off, and how often and how soon that is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from core.errors import DagsterObjectNotFoundError, DagsterObjectStoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MOST_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.8

Answer = TypeVar("Answer", bound=Mapping[str, Any])


class S3AnswerCut(DagsterObjectStoreError):
    """An answer that began as a success lacks what every such answer has: it broke off on the way."""


class Attempts:
    """Counts the failures of one thing, and waits between its attempts.

    Args:
        most: how many attempts there are, the first one included.
    """

    def __init__(self, most: int = MOST_ATTEMPTS) -> None:
        self._most, self._failures = most, 0

    def again(self) -> bool:
        """Counts a failure. Waits, up to 0.8 seconds, and returns True; or False when no attempt is left."""
        self._failures += 1
        if self._failures >= self._most:
            return False
        longest = min(_FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1), _LONGEST_PAUSE_SECONDS)
        time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads retries, hides nothing
        return True

    def restart(self) -> None:
        """Forgets the failures so far, because the thing got on."""
        self._failures = 0


def require(answer: Mapping[str, Any], names: tuple[str, ...], action: str, bucket: str, key: str) -> None:
    """Checks that an answer is whole; botocore takes one that ends before, or within, its headers for a success.

    Raises:
        S3AnswerCut: it lacks one of `names`.
    """
    missing = [name for name in names if name not in answer]
    if missing:
        raise S3AnswerCut(
            f"{action} on {s3_url(bucket, key)}: the store's answer broke off before its {missing[0]}, so it is not "
            "known what the store did. Try again."
        )


def ask(send: Callable[[], Answer], needed: tuple[str, ...], action: str, bucket: str, key: str) -> Answer:
    """The answer to a request that may be sent again, which it is when the answer lacks one of `needed`.

    Raises:
        DagsterObjectStoreError: as `translate_errors`; S3AnswerCut, when that happens five times in a row.
    """
    attempts = Attempts()
    while True:
        try:
            with translate_errors(action, bucket, key), _whole_values(action, bucket, key):
                answer = send()
            require(answer, needed, action, bucket, key)
        except S3AnswerCut:
            if not attempts.again():
                raise
        else:
            return answer


@contextmanager
def _whole_values(action: str, bucket: str, key: str) -> Iterator[None]:
    """Notices a header that was cut within its value: botocore raises a bare ValueError for half a date or number."""
    try:
        yield
    except UnicodeError:  # from a key that cannot be encoded
        raise
    except ValueError as error:
        raise S3AnswerCut(
            f"{action} on {s3_url(bucket, key)}: the store's answer broke off within a header ({error}), so it is not "
            "known what the store did. Try again."
        ) from error


def was_repeated(answer: Mapping[str, Any]) -> bool:
    """Whether botocore sent the request more than once before it got this answer."""
    return bool(answer.get("ResponseMetadata", {}).get("RetryAttempts", 0))


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
