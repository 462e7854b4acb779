"""Whether a bucket can be used: asked once, before a run starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloudstore.s3.errors import NO_CONNECTION, code_of, translated
from cloudstore.s3.keys import join_key
from core.errors import DagsterResourceUnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_PROBE_NAME = ".cloudstore-probe"
_MOST_ATTEMPTS = 3
_PAUSE_SECONDS = 0.2
_NO_CODE = ("404", "")  # S3 gives a code in the body of its answer to a GET


def check_bucket(client: S3Client, bucket: str, prefix: str = "") -> None:
    """Asks for an object that is not there, to learn in one request whether the bucket can be used.

    It needs no permission beyond s3:GetObject below the prefix. AWS answers "access denied" for a missing object
    where listing is not allowed, so that answer says nothing, and passes.

    Args:
        client: the client to ask with. Its retries hold, but connecting is tried three times at most, 0.2 s apart.
        bucket: the bucket.
        prefix: where in the bucket its user reads and writes.

    Raises:
        DagsterResourceUnavailableError: the bucket is missing or in another region, the credentials are missing or
            refused, or the endpoint cannot be reached.
    """
    if "/" in bucket:
        name = bucket.removeprefix("s3://").partition("/")[0]
        raise DagsterResourceUnavailableError(
            f"{bucket!r} is not the name of a bucket. Give the name alone, {name!r}; the rest goes into the prefix."
        )
    key = join_key(prefix, _PROBE_NAME)

    def probe() -> None:
        client.get_object(Bucket=bucket, Key=key)["Body"].close()

    try:
        with _connecting_briefly(client):
            _repeated_when_cut(probe)
    except Exception as error:
        translation = translated(error, "GetObject", bucket, key)
        if translation is None:
            raise
        code = _code_in(error)
        if code in ("AccessDenied", "NoSuchKey"):
            return
        if code in _NO_CODE:
            reason = f"{client.meta.endpoint_url} answers, but not as an S3 server does; check endpoint_url."
        else:
            reason = str(translation)
        if code != "NoSuchBucket":  # which says so by itself
            reason = f"The bucket {bucket!r} cannot be used. {reason}"
        raise DagsterResourceUnavailableError(reason) from error


def _code_in(error: Exception) -> str:
    """As `code_of`, of what a client raised; "none" when there was no answer."""
    return code_of(getattr(error, "response", None) or {"Error": {"Code": "none"}})


def _repeated_when_cut(probe: Callable[[], None]) -> None:
    """Probes up to three times while the answer is XML, as a store's is, without S3's code: it broke off."""
    for attempts_left in reversed(range(_MOST_ATTEMPTS)):
        try:
            return probe()
        except Exception as error:
            headers = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
            is_cut = _code_in(error) in _NO_CODE and "xml" in headers.get("content-type", "")
            if not (is_cut and attempts_left):
                raise
        time.sleep(_PAUSE_SECONDS)
    return None


@contextmanager
def _connecting_briefly(client: S3Client) -> Iterator[None]:
    """Lets GetObject calls of this thread give up soon when there is no connection.

    botocore's own pauses between attempts grow to tens of seconds, which suits a busy store, not a wrong address.
    """
    thread = threading.get_ident()
    configured = (getattr(client.meta.config, "retries", None) or {}).get("total_max_attempts", 5)
    last = min(configured, _MOST_ATTEMPTS)

    def decide(caught_exception: Exception | None, attempts: int, **_: Any) -> Any:
        if threading.get_ident() != thread or type(caught_exception).__name__ not in NO_CONNECTION:
            return None  # leave it to botocore
        return False if attempts >= last else _PAUSE_SECONDS

    event, name = "needs-retry.s3.GetObject", f"cloudstore-probe-{thread}"
    client.meta.events.register_first(event, decide, unique_id=name)
    try:
        yield
    finally:
        client.meta.events.unregister(event, unique_id=name)
