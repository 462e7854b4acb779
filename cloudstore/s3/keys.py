"""The keys of objects in a bucket: a prefix that the user chose, then names, each encoded as one segment."""

from __future__ import annotations

from functools import lru_cache

from core.errors import DagsterInvariantViolationError
from core.values.keys import MAX_KEY_BYTES, encode_name, path_fault

_URL_SCHEME = "s3://"


def join_key(prefix: str, *names: str, ending: str = "") -> str:
    """The key of an object: the prefix as it is, then one segment a name.

    Under one prefix, two different tuples of names never give the same key, and no name leaves the prefix.

    Args:
        prefix: the user's own path; its segments are split at "/" and kept as they are, slashes at either end
            are dropped. May be empty.
        names: run ids, step keys, output names, whatever they hold; each becomes one segment (`encode_name`).
        ending: added to the last name as it is. If it begins with a character that encoded names never have, keys
            with and without it are never the same.

    Raises:
        DagsterInvariantViolationError: for a prefix with an empty, "." or ".." segment, a backslash or a control
            character, and for a key of more than 1,024 bytes.
    """
    key = "/".join([*_prefix_segments(prefix), *map(encode_name, names)]) + ending
    size = len(key.encode("utf-8"))
    if size > MAX_KEY_BYTES:
        raise DagsterInvariantViolationError(
            f"The key {key!r} has {size} bytes, more than the {MAX_KEY_BYTES} that S3 takes; shorten the prefix "
            f"{prefix!r} or the names {names!r}."
        )
    return key


def s3_url(bucket: str, key: str = "") -> str:
    """`s3://bucket/key`, the key as it is: such a URL is for people and for `split_s3_url`, and escapes nothing."""
    return f"{_URL_SCHEME}{bucket}/{key}"


def split_s3_url(url: str) -> tuple[str, str]:
    """The bucket and key of an `s3://bucket/key` URL. Everything after the bucket is the key: "?", "#" and "%" too.

    Raises:
        DagsterInvariantViolationError: for another scheme, or when the bucket or the key is missing.
    """
    is_url = isinstance(url, str) and url.startswith(_URL_SCHEME)  # what a config holds may be anything
    bucket, _, key = url.removeprefix(_URL_SCHEME).partition("/") if is_url else ("", "", "")
    if not bucket or not key:
        raise DagsterInvariantViolationError(f"Expected a URL like s3://bucket/key, got {url!r:.2000}.")
    return bucket, key


@lru_cache(maxsize=64)
def _prefix_segments(prefix: str) -> tuple[str, ...]:
    path = prefix.strip("/")
    if not path:
        return ()
    fault = path_fault(path)
    if fault:
        raise DagsterInvariantViolationError(
            f"The S3 prefix {prefix!r} holds {fault}, which stores do not keep faithfully; write it like "
            "data/pipelines."
        )
    return tuple(path.split("/"))
