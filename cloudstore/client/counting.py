"""Counting what a client sends and receives."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.usage import UsageMeter

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# Operations that are PUT, COPY, POST or LIST requests on the bill (https://aws.amazon.com/s3/pricing/).
_CHARGED_AS_WRITES = ("Put", "Copy", "Create", "Complete", "UploadPart", "List")


def count_requests(client: S3Client, usage: UsageMeter) -> None:
    """Adds each HTTP request of `client` to `usage`. Both events come once an attempt, in the attempt's thread."""
    sent = threading.local()

    def before_send(request: Any, event_name: str, **_: Any) -> None:
        sent.at = time.perf_counter()
        writes = int(event_name.rpartition(".")[2].startswith(_CHARGED_AS_WRITES))
        usage.add(requests=1, bytes_sent=_body_bytes(request.headers), write_requests=writes)

    def response_received(response_dict: Mapping[str, Any] | None, **_: Any) -> None:
        received = 0 if response_dict is None else _received_bytes(response_dict)
        usage.add(bytes_received=received, seconds=time.perf_counter() - sent.at)

    client.meta.events.register_first("before-send.s3", before_send)
    client.meta.events.register_first("response-received.s3", response_received)


def _body_bytes(headers: Mapping[str, Any]) -> int:
    # A body with a trailing checksum is sent in chunks; then this header has the length of their content.
    return int(headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0)


def _received_bytes(response: Mapping[str, Any]) -> int:
    body = response["body"]  # bytes where they were read already, else a stream that the caller reads
    return len(body) if isinstance(body, bytes) else int(response["headers"].get("Content-Length") or 0)
