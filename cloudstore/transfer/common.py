"""What both directions need."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from cloudstore.errors import translate_errors
from core.errors import DagsterObjectNotFoundError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 0.8


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
