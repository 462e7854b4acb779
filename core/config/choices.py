"""The config types that give a choice: of a scalar and another type, and of one of several fields."""

from __future__ import annotations

from typing import Any

import msgspec

from core.config.composite import WithFields, as_config_type
from core.config.faults import ConfigFault, Path, unknown_name
from core.config.forms import ChoiceForm, EitherForm, Form
from core.config.scalars import ConfigType, resolve_left_out


class ScalarUnion(ConfigType):
    """A scalar, or a value of another type that is not a scalar.

    Example:
        >>> from core import Field
        >>> table = ScalarUnion(str, {"schema": str, "name": str})
        >>> Field(table).resolve("orders", (), [])
        'orders'
    """

    def __init__(self, scalar_type: object, non_scalar_schema: object) -> None:
        self.scalar_type = as_config_type(scalar_type)
        self.non_scalar_type = as_config_type(non_scalar_schema)

    @property
    def given_name(self) -> str:
        return f"{self.scalar_type.given_name} or {self.non_scalar_type.given_name}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        return self.chosen_for(value).resolve(value, path, faults)

    def form(self) -> Form:
        return EitherForm(self.non_scalar_type.form(), self.scalar_type.form())

    def chosen_for(self, value: object) -> ConfigType:
        """The one of the two types that a value, given or resolved, is held against."""
        return self.non_scalar_type if isinstance(value, dict | list) else self.scalar_type


class Selector(WithFields):
    """A mapping with exactly one of the named fields.

    Example:
        >>> from core import Field
        >>> Field(Selector({"file": {"path": str}, "memory": {}})).resolve({"memory": {}}, (), [])
        {'memory': {}}
    """

    @property
    def given_name(self) -> str:
        return f"exactly one of {', '.join(sorted(self.fields))}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if value is None:  # so YAML writes a mapping whose entries are all commented out
            return resolve_left_out(self, path, faults)
        given = self._as_mapping(value, path, faults)
        if given is None:
            return value
        if not given and len(self.fields) == 1:
            given = dict.fromkeys(self.fields)
        if len(given) != 1:
            names = ", ".join(sorted(map(str, given)))
            faults.append(ConfigFault(path, f"expected {self.given_name}, got {names or 'none'}"))
            return value
        (name, inner), *_ = given.items()
        if name not in self.fields:
            faults.append(ConfigFault((*path, name), unknown_name("choice", name, self.fields)))
            return value
        field = self.fields[name]
        if inner is None and field.has_default:
            inner = field.default_value
        return {name: field.resolve(inner, (*path, name), faults)}

    def form(self) -> Form:
        faults: list[ConfigFault] = []
        self.resolve({}, (), faults)
        fields = {
            name: msgspec.structs.replace(each, may_be_null=self.fields[name].has_default)
            for name, each in self._field_forms().items()
        }
        may_be_empty = not any(not fault.is_of_environment for fault in faults)
        return ChoiceForm(fields, self.description or "", may_be_empty)
