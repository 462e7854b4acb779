"""The parts of a resolved config that its schema marks: secrets, and what points at something outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.config.choices import ScalarUnion
from core.config.composite import Array, Field, Noneable
from core.config.fingerprint import Fingerprint
from core.config.pydantic_models.models import ModelType
from core.config.scalars import ConfigType


def without_secret_fields(field: Field, resolved: Any) -> Any:
    """A resolved config less the fields marked as secret: credentials change and what they open does not.

    Args:
        field: its schema.
        resolved: what `field` resolved to.
    """
    return None if field.is_secret else _without_secrets(field.config_type, resolved)


def fingerprinted_fields(field: Field, resolved: Any) -> list[tuple[str, Fingerprint, Any]]:
    """Path, fingerprint and value of each field of a resolved config that declares a fingerprint."""
    if resolved is None:
        return []
    whole = [] if field.fingerprint is None else [("", field.fingerprint, resolved)]
    return [*whole, *_fingerprinted(field.config_type, resolved, "")]


def _fingerprinted(config_type: ConfigType, value: Any, path: str) -> Iterator[tuple[str, Fingerprint, Any]]:
    config_type = _chosen(config_type, value)
    if isinstance(config_type, Array) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fingerprinted(config_type.inner_type, item, f"{path}[{index}]")
    fields: dict[str, Field] = getattr(config_type, "fields", None) or {}
    for name, item in value.items() if fields and isinstance(value, dict) else ():
        field = fields.get(name)
        below = f"{path}.{name}" if path else name
        if field is not None and field.fingerprint is not None and item is not None:
            yield below, field.fingerprint, item
        if field is not None:
            yield from _fingerprinted(field.config_type, item, below)


def _without_secrets(config_type: ConfigType, value: Any) -> Any:
    config_type = _chosen(config_type, value)
    if isinstance(config_type, ModelType):
        return config_type.plain(value)
    if isinstance(config_type, Array) and isinstance(value, list):
        return [_without_secrets(config_type.inner_type, item) for item in value]
    fields: dict[str, Field] | None = getattr(config_type, "fields", None)
    if fields is None or not isinstance(value, dict):
        return value
    return {
        name: _without_secrets(fields[name].config_type, item) if name in fields else item
        for name, item in value.items()
        if name not in fields or not fields[name].is_secret
    }


def _chosen(config_type: ConfigType, value: Any) -> ConfigType:
    """The type that a value was held against, where the config type gives a choice."""
    while isinstance(config_type, Noneable | ScalarUnion):
        config_type = config_type.inner_type if isinstance(config_type, Noneable) else config_type.chosen_for(value)
    return config_type
