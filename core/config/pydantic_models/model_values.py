"""What instances of pydantic models hold: their secrets, and all that versions are made of."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import functools
import ipaddress
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

from core import code
from core.config.faults import Path, names_secret

_CLASS = "(class)"  # no name of a field
_SAID_BY_REPR = {
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID),
    *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network),
    *(ipaddress.IPv4Interface, ipaddress.IPv6Interface),
}


def is_secret(value: Any) -> bool:
    """Whether a value is one that pydantic hides."""
    return hasattr(value, "get_secret_value")


def secrets_in(value: Any, place: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The secrets in a value of an instance, also those that are not dumped, each with its place in the config."""
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        items = enumerate(value)
    elif _is_model(value):
        fields = type(value).__pydantic_fields__
        of_fields = ((_name_in_config(name, info), getattr(value, name)) for name, info in fields.items())
        items = (*of_fields, *(value.__pydantic_extra__ or {}).items())
    elif dataclasses.is_dataclass(value):
        items = ((each.name, getattr(value, each.name)) for each in dataclasses.fields(value))
    else:
        items = ()
        if is_secret(value):
            secret = value.get_secret_value()
            yield place, secret.decode(errors="replace") if isinstance(secret, bytes) else secret
    for name, item in items:
        if names_secret((str(name),)) and isinstance(item, str):
            yield (*place, name), item
        else:
            yield from secrets_in(item, (*place, name))


def _name_in_config(name: str, info: Any) -> str:
    return next((each for each in (info.validation_alias, info.alias) if isinstance(each, str)), name)


def _is_model(value: Any) -> bool:
    return hasattr(type(value), "__pydantic_fields__") and hasattr(value, "__pydantic_extra__")


def plain_value(value: Any) -> Any:
    """A value of an instance in plain data, less its secrets.

    A model counts with the values of its fields, extra and private ones too, and with the code of its class: not as it
    is dumped, for which fields may be left out or rounded. What has no plain form stays as it is.
    """
    if is_secret(value):
        return None
    kind = type(value)
    if _is_model(value):
        return _model(value)
    if dataclasses.is_dataclass(kind):
        return _of_class(value, ((each.name, getattr(value, each.name)) for each in dataclasses.fields(kind)))
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _of_class(value, zip(kind._fields, value, strict=True))
    if kind is dict:
        return {key: plain_value(item) for key, item in value.items() if not is_secret(item)}
    if kind is list or kind is tuple:
        return kind(map(plain_value, value))
    if kind is re.Pattern:
        return ("pattern", value.pattern, value.flags)
    is_url = kind.__module__.startswith("pydantic") and kind.__name__.endswith(("Url", "Dsn"))
    if kind in _SAID_BY_REPR or isinstance(value, PurePath) or is_url:
        return (kind.__name__, str(value) if is_url else repr(value))
    return value


def _model(value: Any) -> Any:
    kind = type(value)
    fields = {name: getattr(value, name) for name in kind.__pydantic_fields__}
    private: Mapping[str, Any] = value.__pydantic_private__ or {}
    extra: Mapping[str, Any] = value.__pydantic_extra__ or {}
    return _of_class(value, [*fields.items(), *extra.items(), *private.items()])


def _of_class(value: Any, items: Iterable[tuple[str, Any]]) -> Any:
    kind: Any = type(value)
    version = _version_of(kind)
    if version is None:
        return value
    plain = {name: plain_value(item) for name, item in items if not is_secret(item)}
    return {_CLASS: f"{kind.__qualname__} {version[:16]}", **plain}


@functools.cache
def _sources() -> code.Sources:
    return code.Sources()


@functools.cache
def _version_of(kind: Any) -> str | None:
    """A digest of the class: validators, methods, defaults."""
    return code.look_at([kind], _sources()).version(kind)
