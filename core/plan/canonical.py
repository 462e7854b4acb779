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
    """A value that has no canonical form."""


def digest(value: Any) -> str:
    """SHA-256 of the canonical form of `value`, in hexadecimal.

    Every part is written with its type and its length, so that types, order and boundaries cannot be confused:
    1, "1", 1.0 and True differ, and so do ["ab"] and ["a", "b"]. The order of dict keys does not matter. A member of an
    enum counts with the values of all members, and with the methods.

    Raises:
        NoDigestError: it holds something that is not None, bool, int, float, str, bytes, enum, list, tuple, set,
            frozenset, dict. Objects of types derived from these (NumPy's floats, named tuples) may be more than what
            these hold. Or it is nested too deeply.
    """
    hasher = hashlib.sha256()
    try:
        _write(value, hasher.update)
    except RecursionError:
        raise NoDigestError("a value that is nested too deeply, or contains itself") from None
    return hasher.hexdigest()


def _write(value: Any, out: Callable[[bytes], None]) -> None:
    kind = type(value)
    if value is None:
        out(b"n;")
    elif kind is bool:
        out(b"t;" if value else b"f;")
    elif kind is int:
        _sized(out, b"i", b"%x" % value)  # in decimal, Python refuses more than 4300 digits
    elif kind is float:
        _sized(out, b"d", b"nan" if math.isnan(value) else value.hex().encode())
    elif kind is str:
        _sized(out, b"s", value.encode("utf-8", "surrogatepass"))
    elif kind is bytes:
        _sized(out, b"b", value)
    elif kind is list or kind is tuple:
        _items(out, b"l" if kind is list else b"u", value)
    elif kind is set or kind is frozenset:
        _items(out, b"S" if kind is set else b"F", sorted(digest(item) for item in value))
    elif kind is dict:
        pairs = sorted((digest(key), item) for key, item in value.items())
        out(b"m%d:" % len(pairs))
        for key_digest, item in pairs:
            out(key_digest.encode())
            _write(item, out)
    elif issubclass(kind, enum.Enum):
        _member(value, out)
    else:
        raise NoDigestError(f"a value of type {kind.__name__}, which has no canonical form")


def _member(value: enum.Enum, out: Callable[[bytes], None]) -> None:
    kind = type(value)
    _sized(out, b"e", f"{kind.__qualname__}.{value.name} {_version_of(kind)}".encode())
    if kind.__members__.get(value.name) is not value:  # made by a call: flags that are set at once, or unknown ones
        _write(value.value, out)


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
