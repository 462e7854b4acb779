"""Config as records keep it: made of what JSON has, so that it comes back as it was, from every storage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from core.config.faults import ConfigFault, Path

MOST_LEVELS = 100  # of lists and mappings in each other; also those of one that contains itself
_LARGEST_INT = 10**300
_HINTS = {
    "date": "write it as text, in quotes",
    "datetime": "write it as text, in quotes",
    "time": "write it as text, in quotes",
    "tuple": "write a list",
    "set": "write a list",
    "frozenset": "write a list",
    "bytes": "write it as text",
}


def not_recordable(value: object, path: Path = (), problem: str = "is not recorded as it is") -> Iterator[ConfigFault]:
    """What of a value would not come back from a record equal and of the same type. Values are not shown.

    Recordable are None, bool, int, finite float, text that is valid Unicode, lists, and dicts with text keys.

    Args:
        value: the value.
        path: where it is, for the faults.
        problem: what messages say of such a part.

    Yields:
        A fault for each part that is not recordable.
    """
    if len(path) > MOST_LEVELS:
        yield ConfigFault(path[:MOST_LEVELS], f"it is nested too deeply: at most {MOST_LEVELS} levels are recorded")
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) is str and _is_unicode(key):
                yield from not_recordable(item, (*path, key), problem)
            else:
                yield ConfigFault(path, f"the key {_shown(key)} {problem}; write it as text, in quotes")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from not_recordable(item, (*path, index), problem)
    elif not _is_plain(value):
        yield ConfigFault(path, f"{_named(value)} {problem}{_hint(value)}")


def _shown(key: object) -> str:
    try:
        return repr(key)
    except Exception:  # noqa: BLE001  a type of the user's can raise anything; so do numbers of 4,300 digits
        return f"of type {type(key).__name__}"


def own_copy(value: Any) -> Any:
    """A copy with dicts and lists of its own, so that changing one config changes no other."""
    if isinstance(value, dict):
        return {key: own_copy(item) for key, item in value.items()}
    return [own_copy(item) for item in value] if isinstance(value, list) else value


def own_plain_copy(value: Any) -> Any:
    """As `own_copy` of what may be anything, as a default value: what is more than plain data, or than a
    pydantic model of what can be copied, stays as it is.
    """
    kind = type(value)
    if kind is dict:
        return {key: own_plain_copy(item) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind(map(own_plain_copy, value))
    if kind is set:
        return set(value)
    if hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_copy"):
        with suppress(Exception):  # of an object in it that cannot be copied
            return value.model_copy(deep=True)
    return value


def _is_plain(value: object) -> bool:
    if type(value) is str:
        return _is_unicode(value)
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is int:
        return -_LARGEST_INT < value < _LARGEST_INT
    return value is None or type(value) is bool


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _named(value: object) -> str:
    if type(value) is float:
        return f"the number {value}"
    if type(value) is int:
        return "a number of more than 300 digits"
    return "text with a lone surrogate" if type(value) is str else f"a value of type {type(value).__name__}"


def _hint(value: object) -> str:
    if isinstance(value, float):
        return "; write a finite number, or leave it out"
    hint = _HINTS.get(type(value).__name__) or "use text, numbers, booleans, null, lists and mappings"
    return f"; {hint}"
