"""Plain values as structures that can be digested, separated from the functions and classes found in them."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import logging
import re
import types
import uuid
import zoneinfo
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from core.plan.canonical import digest
from core.versions.source_hash.origins import is_code, origin_of_code, outside_name


class NotPlainError(ValueError):
    """A value, or something in it, whose content cannot be determined."""


_AS_THEY_ARE = (type(None), bool, int, float, str, bytes)
_BY_REPR = (
    complex, type(Ellipsis), type(NotImplemented), range, slice, bytearray,
    datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone,
    zoneinfo.ZoneInfo, decimal.Decimal, fractions.Fraction, uuid.UUID,
)  # fmt: skip
_SEQUENCES = (list, tuple, collections.deque)
_MAPPINGS = (dict, collections.OrderedDict, collections.Counter, types.MappingProxyType)


def structure(value: Any, met: list[Any], above: frozenset[int] = frozenset()) -> Any:
    """The value as a structure that `core.plan.canonical.digest` accepts. The order counts in a dict, not in a set.

    Args:
        value: the value.
        met: is filled with the functions and classes in the value, whose code is not in the structure; in an order that
            is the same in every process.
        above: the ids of the containers around the value, which reveal a value that contains itself.

    Raises:
        NotPlainError: something in it is neither plain nor a function or class.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind in _BY_REPR:
        if getattr(value, "tzinfo", None) is not None:
            structure(value.tzinfo, met)  # raises if it is of a user's own class
        return kind.__name__, repr(value)
    if is_code(value):
        met.append(value)
        return "code", outside_name(value)
    if id(value) in above:
        raise NotPlainError(f"a {kind.__name__} that contains itself")
    return kind.__name__, _compound(value, kind, met, above | {id(value)})


def _compound(value: Any, kind: type, met: list[Any], above: frozenset[int]) -> Any:
    def of(each: Any) -> Any:
        return structure(each, met, above)

    if kind in _SEQUENCES:
        return [of(each) for each in value]
    if kind in (set, frozenset):
        return _unordered(value, met, above)
    if kind in _MAPPINGS:
        return [(of(key), of(item)) for key, item in value.items()]
    if kind is collections.defaultdict:
        return of(value.default_factory), [(of(key), of(item)) for key, item in value.items()]
    if issubclass(kind, PurePath) and kind.__module__.startswith("pathlib"):
        return value.as_posix()
    if kind is re.Pattern:
        return value.pattern, value.flags
    if issubclass(kind, functools.partial):
        return of(value.func), of(value.args), of(value.keywords)
    if kind is types.MethodType:
        return of(value.__func__), _bound_to(value.__self__, met, above)
    if issubclass(kind, logging.Logger):
        return value.name  # its messages are not results
    if issubclass(kind, enum.Enum):
        met.append(kind)
        return value.name, of(value._value_)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        met.append(kind)
        return [of(each) for each in tuple.__iter__(value)]
    if dataclasses.is_dataclass(kind):
        met.append(kind)
        return [(name, of(each)) for name, each in state(value)]
    raise NotPlainError(f"a value of type {kind.__name__}")


def _bound_to(value: Any, met: list[Any], above: frozenset[int]) -> Any:
    """The object that a method is bound to; if its class belongs to the project, by its attributes."""
    try:
        return structure(value, met, above)
    except NotPlainError:
        kind = type(value)
        if not origin_of_code(kind).is_project:
            raise
        met.append(kind)
        return [(name, structure(each, met, above)) for name, each in state(value)]


def _unordered(value: Iterable[Any], met: list[Any], above: frozenset[int]) -> Any:
    """The elements in the order of their digests, since the order of a set differs between processes."""
    elements = []
    for each in value:
        own: list[Any] = []
        elements.append((digest(structure(each, own, above)), [code.__qualname__ for code in own], own))
    elements.sort(key=lambda element: element[:2])
    for _, _, own in elements:
        met.extend(own)
    return [form for form, _, _ in elements]


def is_frozen(value: Any) -> bool:
    """Whether a plain value cannot change in place."""
    kind = type(value)
    if kind in (tuple, frozenset):
        return all(is_frozen(each) for each in value)
    return kind in _AS_THEY_ARE or kind is re.Pattern or issubclass(kind, PurePath | logging.Logger) or is_code(value)


def may_become_plain(value: Any) -> bool:
    """Whether a value is not plain only because of something it contains, which may be replaced."""
    kind = type(value)
    holders = (*_SEQUENCES, *_MAPPINGS, set, frozenset, collections.defaultdict, functools.partial, types.MethodType)
    return issubclass(kind, holders) or dataclasses.is_dataclass(kind)


def state(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an instance, sorted by name; no code of its class is run."""
    found: dict[str, Any] = {}
    for cls in reversed(type(value).__mro__):
        for name, slot in vars(cls).items():
            if isinstance(slot, types.MemberDescriptorType):
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    continue  # an empty slot
            elif name == "__dict__" and isinstance(slot, types.GetSetDescriptorType):
                found |= slot.__get__(value)
    return sorted(found.items())
