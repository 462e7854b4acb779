"""Exact object keys: a prefix that the user chose, then names that we encode so that they cannot meet or escape.

A key is at most 1,024 bytes of UTF-8
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html). Stores that keep objects in folders
(SeaweedFS, MinIO) do not keep keys with empty, `.` or `..` segments or backslashes faithfully, so none is made here.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, unquote

from core.errors import DagsterInvariantViolationError

MAX_KEY_BYTES = 1024
_EMPTY_NAME = "%"  # a lone "%" is no percent-encoding, so no other name is written like this
_URL_SCHEME = "s3://"


def join_key(prefix: str, *names: str, ending: str = "") -> str:
    """The key of an object: the prefix as it is, then one segment a name.

    Under one prefix, two different tuples of names never give the same key, and no name leaves the prefix.

    Args:
        prefix: the user's own path; its segments are split at "/" and kept as they are, slashes at either end
            are dropped. May be empty.
        names: run ids, step keys, output names, whatever they hold; each becomes one segment (`encode_name`).
        ending: put behind the last name as it is. One that begins with a sign that names do not hold keeps keys apart.

    Raises:
        DagsterInvariantViolationError: for a prefix with an empty, "." or ".." segment, a backslash or a control
            character, and for a key of more than 1,024 bytes.
    """
    key = "/".join([*_prefix_segments(prefix), *map(encode_name, names)]) + ending
    size = len(key.encode("utf-8"))
    if size > MAX_KEY_BYTES:
        raise DagsterInvariantViolationError(
            f"The key {key!r} has {size} bytes, and S3 takes {MAX_KEY_BYTES}; shorten the prefix {prefix!r} "
            f"or the names {names!r}."
        )
    return key


def split_key(prefix: str, key: str) -> tuple[str, ...]:
    """The names that `join_key(prefix, ...)` made `key` from.

    Raises:
        DagsterInvariantViolationError: for a key that is not below the prefix, or a prefix that `join_key` refuses.
    """
    segments, below = tuple(key.split("/")) if key else (), _prefix_segments(prefix)
    if segments[: len(below)] != below:
        raise DagsterInvariantViolationError(f"The key {key!r} is not below the prefix {prefix!r}.")
    return tuple(map(decode_name, segments[len(below) :]))


def encode_name(name: str) -> str:
    """`name` as one segment of a key, by percent-encoding everything but ASCII letters, digits, "_", "-" and "."."""
    if name.isascii() and name.isidentifier():  # as most names are, and quick to see
        return name
    if not name:
        return _EMPTY_NAME
    if name in (".", ".."):
        return name.replace(".", "%2E")
    # quote() leaves "~" alone. Lone surrogates come from file names that are no UTF-8; they are reversible too.
    return quote(name, safe="", errors="surrogatepass").replace("~", "%7E")


def decode_name(segment: str) -> str:
    """The name that `encode_name` made `segment` from."""
    return "" if segment == _EMPTY_NAME else unquote(segment, errors="surrogatepass")


def s3_url(bucket: str, key: str = "") -> str:
    """`s3://bucket/key`, the key as it is: such a URL is for people and for `split_s3_url`, and escapes nothing."""
    return f"{_URL_SCHEME}{bucket}/{key}"


def split_s3_url(url: str) -> tuple[str, str]:
    """The bucket and key of an `s3://bucket/key` URL. Everything after the bucket is the key: "?", "#" and "%" too.

    Raises:
        DagsterInvariantViolationError: for another scheme, or when the bucket or the key is missing.
    """
    bucket, _, key = url.removeprefix(_URL_SCHEME).partition("/")
    if not url.startswith(_URL_SCHEME) or not bucket or not key:
        raise DagsterInvariantViolationError(f"Expected a URL like s3://bucket/key, got {url!r}.")
    return bucket, key


@lru_cache(maxsize=64)
def _prefix_segments(prefix: str) -> tuple[str, ...]:
    path = prefix.strip("/")
    segments = path.split("/") if path else []
    if any(segment in ("", ".", "..") for segment in segments):
        raise _bad_prefix(prefix, 'an empty, "." or ".." segment')
    if "\\" in path:
        raise _bad_prefix(prefix, "a backslash")
    if any(_is_unprintable(character) for character in path):
        raise _bad_prefix(prefix, "a control character or a lone surrogate")
    return tuple(segments)


def _is_unprintable(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"


def _bad_prefix(prefix: str, what: str) -> DagsterInvariantViolationError:
    return DagsterInvariantViolationError(
        f"The S3 prefix {prefix!r} holds {what}, which stores do not keep faithfully; write it like data/pipelines."
    )
