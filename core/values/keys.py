"""Exact keys of objects: names encoded so that they can neither meet nor escape, and what every store keeps faithfully.

A key is at most 1,024 bytes of UTF-8
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html). Stores that keep objects in folders
(SeaweedFS, MinIO) do not keep keys with empty, `.` or `..` segments or backslashes faithfully, so none is made here.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from core.errors import DagsterInvariantViolationError

MAX_KEY_BYTES = 1024
_EMPTY_NAME = "%"  # a lone "%" is not a percent-encoding, so no other name is written like this


def encode_name(name: str) -> str:
    """`name` as one segment of a key, by percent-encoding everything but ASCII letters, digits, "_", "-" and "."."""
    if name.isascii() and name.isidentifier():  # as most names are, and quick to see
        return name
    if not name:
        return _EMPTY_NAME
    if name in (".", ".."):
        return name.replace(".", "%2E")
    # quote() leaves "~" alone. Lone surrogates come from file names that are not UTF-8; they are reversible too.
    return quote(name, safe="", errors="surrogatepass").replace("~", "%7E")


def decode_name(segment: str) -> str:
    """The name that `encode_name` made `segment` from."""
    return "" if segment == _EMPTY_NAME else unquote(segment, errors="surrogatepass")


def checked_key(key: str) -> str:
    """`key`, when every store keeps it faithfully.

    Raises:
        DagsterInvariantViolationError: for an empty key, one of more than 1,024 bytes, and one with an empty, "." or
            ".." segment, a backslash or a control character.
    """
    fault = path_fault(key)
    if fault:
        raise _refused(key, f"it holds {fault}")
    if (size := len(key.encode())) > MAX_KEY_BYTES:
        raise _refused(key, f"it has {size} bytes, and the maximum is {MAX_KEY_BYTES}")
    return key


def path_fault(path: str) -> str:
    """What keeps stores from keeping a key, or the beginning of one, faithfully; "" when nothing does."""
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return 'an empty, "." or ".." segment'
    if "\\" in path:
        return "a backslash"
    if any(_is_unprintable(character) for character in path):
        return "a control character or a lone surrogate"
    return ""


def _is_unprintable(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"


def _refused(key: str, why: str) -> DagsterInvariantViolationError:
    shown = repr(key if len(key) <= 100 else key[:100] + "…")
    return DagsterInvariantViolationError(
        f"{shown} cannot be the key of an object: {why}. key_for_paths makes a key of any names that are not too long."
    )
