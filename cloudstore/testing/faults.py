"""What can go wrong between a client and an S3 store, and the rules that say which requests it happens to."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

# The codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
_STATUS_OF_CODE: Final = {
    "AccessDenied": 403,
    "ConditionalRequestConflict": 409,
    "ExpiredToken": 400,
    "InternalError": 500,
    "InvalidRequest": 400,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "PreconditionFailed": 412,
    "SlowDown": 503,
}


@dataclass(frozen=True)
class Fault:
    """One way in which a request fails. Made by the methods below, one for each kind.

    Attributes:
        kind: what happens to the request.
        code: S3's error code, of an "error".
        status: the HTTP status, of an "error".
        at_byte: where in the answer it happens, from 0; None for a random place.
        seconds: how long it lasts.

    Example:
        >>> from cloudstore.testing import Fault, faulty_s3_server
        >>> with faulty_s3_server() as (server, proxy):
        ...     bucket, client = server.create_bucket(), server.client(endpoint_url=proxy.endpoint_url)
        ...     proxy.inject(Fault.error("AccessDenied"), operations="PutObject", key="secret/*")
        ...     try:
        ...         client.put_object(Bucket=bucket, Key="secret/orders.csv", Body=b"id,total")
        ...     except client.exceptions.ClientError as error:
        ...         print(error.response["Error"]["Code"])
        ...     client.close()
        AccessDenied
    """

    kind: Literal["refused", "reset", "error", "lost reply", "stall", "cut", "wrong byte"]
    code: str = ""
    status: int = 0
    at_byte: int | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.code or self.kind

    @classmethod
    def refused(cls, seconds: float = 0.5) -> Fault:
        """The request's connection is reset, and new ones are refused for `seconds`. The store sees nothing."""
        return cls("refused", seconds=seconds)

    @classmethod
    def reset(cls) -> Fault:
        """The request's connection is reset before the store sees the request."""
        return cls("reset")

    @classmethod
    def error(cls, code: str, status: int | None = None) -> Fault:
        """The request is answered by an S3 error, and the store sees nothing.

        Args:
            code: S3's code for it, such as "SlowDown".
            status: its HTTP status; may be left out for the codes AccessDenied, ConditionalRequestConflict,
                ExpiredToken, InternalError, InvalidRequest, NoSuchKey, NoSuchUpload, PreconditionFailed and SlowDown.

        Raises:
            ValueError: the status is left out for another code.
        """
        if status is None and code not in _STATUS_OF_CODE:
            raise ValueError(f"Give the HTTP status of {code!r}; only those of {', '.join(_STATUS_OF_CODE)} are known.")
        return cls("error", code=code, status=_STATUS_OF_CODE[code] if status is None else status)

    @classmethod
    def lost_reply(cls) -> Fault:
        """The store carries out the request, and the connection is closed in place of its answer."""
        return cls("lost reply")

    @classmethod
    def stall(cls, seconds: float) -> Fault:
        """The store carries out the request, and its answer comes `seconds` later."""
        return cls("stall", seconds=seconds)

    @classmethod
    def cut(cls, at_byte: int | None = None) -> Fault:
        """The store carries out the request, and the connection is closed in the middle of its answer.

        Args:
            at_byte: how many bytes of the answer arrive, status line and headers included (about 500); all but the last
                byte of a shorter answer. A random number when None.
        """
        return cls("cut", at_byte=at_byte)

    @classmethod
    def wrong_byte(cls, at_byte: int | None = None) -> Fault:
        """One byte of an object arrives changed. Only answers to GetObject that have a body meet it.

        Args:
            at_byte: which byte of the body, from 0; a random one when None; the last one of a shorter body.
        """
        return cls("wrong byte", at_byte=at_byte)


class FaultRecord(NamedTuple):
    """A request to the proxy, and what was done to it.

    Attributes:
        operation: what S3 calls the request, such as "PutObject".
        bucket: the bucket's name; "" for requests to the store itself.
        key: the object's key; "" for requests to a bucket.
        fault: what was done to it; None when it and its answer were passed on.

    Example:
        >>> from cloudstore.testing import Fault, faulty_s3_server
        >>> with faulty_s3_server() as (server, proxy):
        ...     bucket, client = server.create_bucket(), server.client(endpoint_url=proxy.endpoint_url)
        ...     proxy.inject(Fault.stall(seconds=0.01), operations="GetObject")
        ...     stored = client.put_object(Bucket=bucket, Key="orders.csv", Body=b"id,total")
        ...     found = client.get_object(Bucket=bucket, Key="orders.csv")["Body"].read()
        ...     print([(record.operation, record.key, str(record.fault)) for record in proxy.records])
        ...     client.close()
        [('PutObject', 'orders.csv', 'None'), ('GetObject', 'orders.csv', 'stall')]
    """

    operation: str
    bucket: str
    key: str
    fault: Fault | None


@dataclass
class _Rule:
    fault: Fault
    operations: Collection[str] | None
    key: str
    rate: float
    left: float

    def applies(self, operation: str, key: str, dice: random.Random) -> bool:
        of_this_kind = self.operations is None or operation in self.operations
        if self.fault.kind == "wrong byte" and operation != "GetObject":
            of_this_kind = False
        if not (self.left and of_this_kind and fnmatchcase(key, self.key) and dice.random() < self.rate):
            return False
        self.left -= 1
        return True


class FaultPlan:
    """The rules of a proxy and the record of what they did. It may be used from many threads."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(seed)  # noqa: S311  it decides which test meets which fault
        self._rules: list[_Rule] = []
        self._records: list[FaultRecord] = []

    def add(self, fault: Fault, operations: str | Collection[str] | None, key: str, rate: float, times: float) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"A rate is from 0 to 1, which {rate} is not.")
        with self._lock:
            self._rules.append(
                _Rule(fault, {operations} if isinstance(operations, str) else operations, key, rate, times)
            )

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def records(self) -> list[FaultRecord]:
        with self._lock:
            return list(self._records)

    def choose(self, method: str, target: str, copies: bool) -> Fault | None:
        """The fault that a request meets, by the first rule that fits; records it."""
        operation, bucket, key = describe(method, target, copies)
        with self._lock:
            chosen = (rule.fault for rule in self._rules if rule.applies(operation, key, self._dice))
            fault = next(chosen, None)
            self._records.append(FaultRecord(operation, bucket, key, fault))
        return fault

    def place(self, fault: Fault, length: int) -> int:
        """Where `fault` happens in a body of `length` bytes, at least 1."""
        with self._lock:
            return self._dice.randrange(length) if fault.at_byte is None else min(fault.at_byte, length - 1)


_OBJECT_OPERATIONS: Final = {
    ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploadId"): "ListParts",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "partNumber"): "UploadPart",
}
_BUCKET_OPERATIONS: Final = {
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versions"): "ListObjectVersions",
    ("POST", "delete"): "DeleteObjects",
    ("PUT", ""): "CreateBucket",
    ("GET", ""): "ListObjects",
}
# Parts of an object or a bucket that have operations of their own: GetObjectTagging, PutBucketPolicy and so on.
_SUBRESOURCES: Final = ("acl", "attributes", "lifecycle", "location", "policy", "tagging", "versioning")


def describe(method: str, target: str, copies: bool = False) -> tuple[str, str, str]:
    """The operation, the bucket and the key of a request with a path-style address.

    Args:
        method: its HTTP method.
        target: path and query, as they stand in the request.
        copies: whether it has the header x-amz-copy-source.
    """
    url = urlsplit(target)
    bucket, _, key = url.path.removeprefix("/").partition("/")
    asked = {name for name, _ in parse_qsl(url.query, keep_blank_values=True)} | {""}
    if not bucket:
        return "ListBuckets", "", ""
    level, named = ("Object", _OBJECT_OPERATIONS) if key else ("Bucket", _BUCKET_OPERATIONS)
    part = next((part.title() for part in _SUBRESOURCES if part in asked), "")
    found = (name for (verb, word), name in named.items() if verb == method and word in asked and (word or not part))
    operation = next(found, method.title() + level + part)
    if copies:
        operation = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(operation, operation)
    return operation, unquote(bucket), unquote(key)
