"""What an answer to GetObject or HeadObject says about the object, and about the bytes that came with it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from cloudstore.s3.keys import s3_url
from core.errors import DagsterObjectCorruptError

_RANGE = re.compile(r"bytes (\d+)-(\d+)/\d+")


def is_range(answer: Mapping[str, Any]) -> bool:
    """Whether it has the range that was asked for; a server that does not know ranges sends everything."""
    return bool(answer["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.PARTIAL_CONTENT)


def bytes_in(answer: Mapping[str, Any]) -> range:
    """The positions of the object's bytes that the answer has.

    Raises:
        ValueError: the header that says so was cut.
    """
    if not is_range(answer):
        return range(answer["ContentLength"])
    span = _RANGE.fullmatch(answer.get("ContentRange", ""))
    if span is None:
        raise ValueError(f"the range is {answer.get('ContentRange', '')!r}")
    return range(int(span[1]), int(span[2]) + 1)


def whole_bytes(answer: Mapping[str, Any]) -> int:
    """The size of the whole object, also where the answer has a range of it."""
    return int(answer["ContentRange"].rpartition("/")[2] if is_range(answer) else answer["ContentLength"])


def whole_crc32(answer: Mapping[str, Any]) -> str:
    """The CRC32 of the whole object, in base64; "" where the answer has none.

    SeaweedFS 4.48 sends none with a range, even with one that is the whole object. The sum of an object stored in
    parts may be a sum of the parts' sums, which cannot be compared with bytes; it ends in "-" and the number of parts:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    moto 5.2 leaves that ending out in answers to HEAD, but keeps it in the ETag.
    """
    told: str = answer.get("ChecksumCRC32", "")
    has_all_bytes = answer["ContentLength"] == whole_bytes(answer)
    is_of_bytes = answer.get("ChecksumType") == "FULL_OBJECT" or "-" not in told + answer["ETag"]
    return told if has_all_bytes and is_of_bytes else ""


def check_crc32(stored: str, checksum: int, bucket: str, key: str) -> None:
    """Compares the sum of the bytes received with the one that the store has, in base64; "" fits all.

    Raises:
        DagsterObjectCorruptError: they differ.
    """
    received = b64encode(checksum.to_bytes(4, "big")).decode()
    if stored and received != stored:
        raise DagsterObjectCorruptError(
            f"GetObject on {s3_url(bucket, key)}: the bytes received have the CRC32 {received}, but {stored} was "
            "stored (in base64). Read it again; if the sums still differ, the object is damaged in the store."
        )
