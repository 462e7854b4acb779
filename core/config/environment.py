"""Schemas in which `{env: NAME}` may stand for every value, as in `dagster.yaml`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from core.config.choices import Selector
from core.config.composite import Array, Field, Noneable, Permissive, Shape
from core.config.faults import ConfigFault, Path
from core.config.forms import Form, OneOfForm, VariableForm
from core.config.scalars import ANY, BOOL, FLOAT, INT, STRING, AnyType, ConfigType, Enum
from core.config.sources import BoolSource, FloatSource, IntSource, StringSource
from core.printable import printable


class AnySource(AnyType):
    """Takes every value; each `{env: NAME}` in it stands for the text of that variable."""

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if isinstance(value, dict):
            if set(value) == {"env"} and isinstance(value["env"], str):
                return StringSource.resolve(value, path, faults)
            return {key: self.resolve(item, (*path, key), faults) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, (*path, index), faults) for index, item in enumerate(value)]
        return value


class PermissiveSource(Permissive):
    """A `Permissive` whose other values are each an `AnySource`."""

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        resolved = super().resolve(value, path, faults)
        if not isinstance(resolved, Mapping):
            return resolved
        others = {name: item for name, item in resolved.items() if name not in self.fields}
        return {**resolved, **{name: _ANY_SOURCE.resolve(item, (*path, name), faults) for name, item in others.items()}}


class EnumSource(ConfigType):
    """One of the strings of an `Enum`, or `{env: NAME}` for a variable that holds one."""

    def __init__(self, inner: Enum) -> None:
        self.inner = inner

    @property
    def given_name(self) -> str:
        return f"{self.inner.given_name} or {{env: NAME}}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, dict):
            return self.inner.resolve(value, path, faults)
        found: list[ConfigFault] = []
        text = StringSource.resolve(value, path, found)
        if not found and text not in self.inner.values:
            message = (
                f"the environment variable {printable(value['env'])} must hold one of {', '.join(self.inner.values)}"
            )
            found.append(ConfigFault(path, message, is_of_environment=True))
        faults.extend(found)
        return value if found else self.inner.values[text]

    def form(self) -> Form:
        return OneOfForm((self.inner.form(), VariableForm()))


_ANY_SOURCE = AnySource()
_SOURCES: dict[ConfigType, ConfigType] = {
    ANY: _ANY_SOURCE,
    BOOL: BoolSource,
    FLOAT: FloatSource,
    INT: IntSource,
    STRING: StringSource,
}


def with_sources(field: Field) -> Field:
    """A field that takes what `field` takes, and `{env: NAME}` for every scalar in it.

    Config types from outside this package stay as they are.
    """
    changed = copy.copy(field)
    changed.config_type = _type_with_sources(field.config_type)
    return changed


def _type_with_sources(config_type: ConfigType) -> ConfigType:
    if isinstance(config_type, Enum):
        return EnumSource(config_type)
    if type(config_type) is Permissive:
        return PermissiveSource(_fields_with_sources(config_type), config_type.description)
    changed = copy.copy(config_type)
    if isinstance(changed, Array | Noneable):
        changed.inner_type = _type_with_sources(changed.inner_type)
    elif isinstance(changed, Shape | Permissive | Selector):
        changed.fields = _fields_with_sources(changed)
    else:
        return _SOURCES.get(config_type, config_type)
    return changed


def _fields_with_sources(config_type: Shape | Permissive | Selector) -> dict[str, Field]:
    return {name: with_sources(field) for name, field in config_type.fields.items()}
