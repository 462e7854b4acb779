"""A digest of plain values in which no two different values meet."""

from __future__ import annotations

import enum
import functools
import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Any

from core import code


class NoDigestError(ValueError):
    """A value of a type that has no canonical form."""


def digest(value: Any) -> str:
    """SHA-256 of the canonical form of `value`, in hexadecimal.

    Every part is written with its type and its length, so that types, order and boundaries cannot be confused:
    1, "1", 1.0 and True differ, and so do ["ab"] and ["a", "b"]. The order of dict keys does not matter. A member of an
    enum counts with the values of all members, and with the methods.

    Raises:
        NoDigestError: it holds something that is not None, bool, int, float, str, bytes, enum, list, tuple, set, dict.
    """
    hasher = hashlib.sha256()
    _write(value, hasher.update)
    return hasher.hexdigest()


def _write(value: Any, out: Callable[[bytes], None]) -> None:
    if value is None:
        out(b"n;")
    elif isinstance(value, enum.Enum):
        _sized(out, b"e", f"{type(value).__qualname__}.{value.name} {_version_of(type(value))}".encode())
    elif isinstance(value, bool):
        out(b"t;" if value else b"f;")
    elif isinstance(value, int):
        _sized(out, b"i", b"%x" % value)  # in decimal, Python refuses more than 4300 digits
    elif isinstance(value, float):
        _sized(out, b"d", b"nan" if math.isnan(value) else value.hex().encode())
    elif isinstance(value, str):
        _sized(out, b"s", value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, bytes):
        _sized(out, b"b", value)
    elif isinstance(value, list | tuple):
        _items(out, b"l" if isinstance(value, list) else b"u", value)
    elif isinstance(value, set | frozenset):
        _items(out, b"S", sorted(digest(item) for item in value))
    elif isinstance(value, dict):
        pairs = sorted((digest(key), item) for key, item in value.items())
        out(b"m%d:" % len(pairs))
        for key_digest, item in pairs:
            out(key_digest.encode())
            _write(item, out)
    else:
        raise NoDigestError(f"a value of type {type(value).__name__}, which has no canonical form")


@functools.cache
def _sources() -> code.Sources:
    return code.Sources()


def _version_of(cls: type[enum.Enum]) -> str:
    """A digest of an enum's members and of its code, which can depend on them."""
    seen = code.look_at([cls], _sources())
    version = seen.version(cls)
    if version is None:
        raise NoDigestError(f"a {cls.__name__}, whose code cannot be seen, has no canonical form")
    return version


def _sized(out: Callable[[bytes], None], tag: bytes, content: bytes) -> None:
    out(b"%b%d:" % (tag, len(content)))
    out(content)


def _items(out: Callable[[bytes], None], tag: bytes, items: Iterable[Any]) -> None:
    listed = list(items)
    out(b"%b%d:" % (tag, len(listed)))
    for item in listed:
        _write(item, out)
