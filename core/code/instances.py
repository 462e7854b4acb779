"""What objects are made of that are neither classes nor functions: type and state; no code of the project runs."""

from __future__ import annotations

import array
import collections
import contextlib
import copyreg
import datetime
import decimal
import fractions
import functools
import itertools
import logging
import os
import re
import threading
import types
import typing
import uuid
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import PurePath
from typing import Any

from core.code.look import Look
from core.code.node import Node
from core.code.origins import Owner

_HOOKS = {
    *("__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "__getnewargs_ex__", "__getattribute__"),
    *("__iter__", "items"),
}
Expand = Callable[[Look, Node, Any], None]


def items(look: Look, node: Node, value: Any) -> None:
    """A list, or another sequence."""
    node.say(type(value).__name__)
    _items(look, node, value)


def elements(look: Look, node: Node, value: Any) -> None:
    """A set: the order of its elements does not count."""
    node.say(type(value).__name__, str(len(value)))
    look.attach_unordered(node, "element", value)


def pairs(look: Look, node: Node, value: Any) -> None:
    """A dict: the order of its keys counts."""
    node.say(type(value).__name__)
    _pairs(look, node, value.items())


def instance(look: Look, node: Node, value: Any) -> None:
    """An object of any other type."""
    kind = type(value)
    node.has_identity = True
    node.point("type", look.node(kind, f"{node.path}.__class__"))
    origin = look.space_of(kind).origin
    node.is_of_others = origin.owner is Owner.INSTALLED and not origin.is_own
    if origin.is_project:
        _of_project(look, node, value, kind)
    elif not _reduced(look, node, value):
        if _hides_state(kind):
            node.hide(f"a value of type {kind.__name__}")
        else:
            _state(look, node, value)


def _of_project(look: Look, node: Node, value: Any, kind: type) -> None:
    plain = next((base for base in kind.__mro__ if base in _CONTENTS), None)
    if plain is not None:
        _CONTENTS[plain](look, node, value)
        _state(look, node, value)
    elif not _hides_state(kind):
        _state(look, node, value)
    else:
        own = [base for base in kind.__mro__ if look.space_of(base).origin.is_project]
        if any(name in vars(base) for base in own for name in _HOOKS) or not _reduced(look, node, value):
            node.hide(f"a value of type {kind.__name__}, which is derived from one that is not written in Python")


def _reduced(look: Look, node: Node, value: Any) -> bool:
    """Tells a value by what pickle would make of it, if that is to be had."""
    try:
        known = copyreg.dispatch_table.get(type(value))
        reduced = known(value) if known else value.__reduce_ex__(2)
    except Exception:  # noqa: BLE001  a type can refuse in any way
        return False
    if isinstance(reduced, str):
        node.say("global", reduced)
        return True
    for at, part in enumerate(reduced):
        if at in (3, 4) and part is not None:
            for place, item in enumerate(part):
                look.attach(node, f"item {place}", item)
        elif issubclass(type(part), tuple):
            for place, item in enumerate(part):
                look.attach(node, f"{at} {place}", item)
        elif at == 2 and type(part) is dict:
            _attributes(look, node, _counting(look, value, part))
        else:
            look.attach(node, str(at), part)
    return True


def _counting(look: Look, value: Any, attributes: dict[Any, Any]) -> dict[Any, Any]:
    """Without what a definition of ours has from the docstring of the function that it decorates."""
    if "__wrapped__" not in attributes or not look.space_of(type(value)).origin.is_own:
        return attributes
    return {name: each for name, each in attributes.items() if name not in ("__doc__", "description")}


def _state(look: Look, node: Node, value: Any) -> None:
    """The attributes and slots of an instance; no code of its class is run."""
    found: dict[str, Any] = {}
    for cls in reversed(type(value).__mro__):
        for name, slot in vars(cls).items():
            if issubclass(type(slot), types.MemberDescriptorType):
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    continue  # a slot that is not filled
            elif name == "__dict__" and issubclass(type(slot), types.GetSetDescriptorType):
                found |= slot.__get__(value)
    _attributes(look, node, found)


def _attributes(look: Look, node: Node, attributes: dict[Any, Any]) -> None:
    for name, value in sorted(attributes.items(), key=lambda item: str(item[0])):
        look.attach(node, f".{name}", value)


def _hides_state(kind: type) -> bool:
    """Whether objects of a type have state that neither attributes nor slots show, as `object.__reduce_ex__` does."""
    slots = sum(
        issubclass(type(each), types.MemberDescriptorType) for cls in kind.__mro__ for each in vars(cls).values()
    )
    word = tuple.__itemsize__
    known = object.__basicsize__ + word * (slots + (kind.__dictoffset__ > 0) + (kind.__weakrefoffset__ > 0))
    return bool(kind.__itemsize__) or kind.__basicsize__ > known


def _items(look: Look, node: Node, values: Any) -> None:
    for at, value in enumerate(values):
        look.attach(node, str(at), value)


def _pairs(look: Look, node: Node, found: Any) -> None:
    for at, (key, value) in enumerate(found):
        look.attach(node, f"{at} key", key)
        look.attach(node, f"{at} value", value)


def _by(*names: str) -> Expand:
    """A type that is told by some attributes of its objects."""

    def expand(look: Look, node: Node, value: Any) -> None:
        node.say(type(value).__name__)
        for name in names:
            look.attach(node, name, getattr(value, name))

    return expand


def _text(write: Callable[[Any], str]) -> Expand:
    """A type whose objects can be written as text."""

    def expand(look: Look, node: Node, value: Any) -> None:
        node.say(type(value).__name__, look.form(write(value)) or "")
        if getattr(value, "tzinfo", None) is not None:
            look.attach(node, "tzinfo", value.tzinfo)

    return expand


def _nothing(_look: Look, node: Node, value: Any) -> None:
    """A type whose objects have no state that changes results."""
    node.say(type(value).__name__)


def _partial(look: Look, node: Node, value: Any) -> None:
    _by("func", "args", "keywords")(look, node, value)
    _attributes(look, node, vars(value))


def _deque(look: Look, node: Node, value: Any) -> None:
    node.say(f"deque {value.maxlen}")
    _items(look, node, value)


def _default_dict(look: Look, node: Node, value: Any) -> None:
    node.say("defaultdict")
    look.attach(node, "default", value.default_factory)
    _pairs(look, node, value.items())


def _context_variable(look: Look, node: Node, value: ContextVar[Any]) -> None:
    node.say("ContextVar", value.name)
    with contextlib.suppress(LookupError):  # it has neither a value nor a default
        look.attach(node, "value", value.get())


def _cached(look: Look, node: Node, value: Any) -> None:
    node.say("cached", str(value.cache_parameters()))
    look.attach(node, "function", value.__wrapped__)


def _array(_look: Look, node: Node, value: Any) -> None:
    node.say("array", value.typecode, value.tobytes().hex())


def _local(look: Look, node: Node, value: Any) -> None:
    node.say("local")
    _attributes(look, node, vars(value))


def _generic_alias(look: Look, node: Node, value: Any) -> None:
    node.say("alias", type(value).__name__ if type(value).__name__ != "UnionType" else "_UnionGenericAlias")
    look.attach(node, "origin", getattr(value, "__origin__", None))
    for at, each in enumerate(value.__args__):
        look.attach(node, str(at), each)
    if hasattr(value, "__metadata__"):
        look.attach(node, "metadata", value.__metadata__)


def _type_variable(look: Look, node: Node, value: Any) -> None:
    node.say(type(value).__name__, str(value))


_CONTENTS: dict[type, Expand] = {
    list: lambda look, node, value: _items(look, node, list.__iter__(value)),
    tuple: lambda look, node, value: _items(look, node, tuple.__iter__(value)),
    set: lambda look, node, value: look.attach_unordered(node, "element", set.__iter__(value)),
    frozenset: lambda look, node, value: look.attach_unordered(node, "element", frozenset.__iter__(value)),
    collections.OrderedDict: lambda look, node, value: _pairs(look, node, collections.OrderedDict.items(value)),
    dict: lambda look, node, value: _pairs(look, node, dict.items(value)),
    int: lambda look, node, value: look.attach(node, "int", int.__index__(value)),
    float: lambda look, node, value: look.attach(node, "float", float.__float__(value)),
    str: lambda look, node, value: look.attach(node, "str", str.__str__(value)),
    bytes: lambda look, node, value: look.attach(node, "bytes", bytes.__getitem__(value, slice(None))),
}
"""The types of Python of which projects derive classes, with what is in them, whatever the class has made of that."""

EXPAND: dict[type, Expand] = {
    list: items,
    tuple: items,
    dict: pairs,
    set: elements,
    frozenset: elements,
    types.MappingProxyType: pairs,
    collections.OrderedDict: pairs,
    collections.Counter: pairs,
    collections.defaultdict: _default_dict,
    collections.deque: _deque,
    type({}.keys()): items,
    type({}.values()): items,
    type({}.items()): items,
    array.array: _array,
    functools.partial: _partial,
    functools.partialmethod: _partial,
    functools.cached_property: _by("func"),
    functools.singledispatchmethod: _by("dispatcher", "func"),
    type(functools.lru_cache(str)): _cached,
    types.MethodType: _by("__func__", "__self__"),
    type("".join): _nothing,
    re.Pattern: _by("pattern", "flags"),
    itertools.count: _text(repr),
    memoryview: lambda look, node, value: look.attach(node, "memoryview", value.tobytes()),
    ContextVar: _context_variable,
    threading.local: _local,
    os._Environ: _nothing,
    types.GenericAlias: _generic_alias,
    types.UnionType: _generic_alias,
    typing.TypeVar: _type_variable,
    typing.ForwardRef: _type_variable,
    **dict.fromkeys(
        (range, slice, bytearray, datetime.date, datetime.time, datetime.datetime, datetime.timedelta,
         datetime.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID),
        _text(repr),
    ),
    **dict.fromkeys(
        (type(threading.Lock()), type(threading.RLock()), weakref.ReferenceType, weakref.WeakValueDictionary,
         weakref.WeakKeyDictionary, weakref.WeakSet, object),
        _nothing,
    ),
}  # fmt: skip
"""The types whose objects are told in a form of their own."""

EXPAND_DERIVED: dict[type, Expand] = {
    PurePath: _text(lambda value: PurePath.as_posix(value)),
    logging.Logger: _by("name"),  # what it writes is no result
    types.MethodWrapperType: _by("__name__", "__self__"),
}
"""Those of which types are derived that are told in the same form, when they are not the project's."""
