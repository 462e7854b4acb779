"""Fields and the config types that hold other types, and what Python types and literals stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from core.arguments import checked_arguments
from core.builtins import BuiltinEnum
from core.config.faults import MISSING, ConfigFault, Path, likeliest_name, names_secret, show_value, unknown_name
from core.config.fingerprint import Fingerprint
from core.config.forms import NULL, AnyForm, FieldForm, Form, ListForm, MappingForm, OneOfForm
from core.config.pydantic_models.models import ModelType, is_model
from core.config.recordable import not_recordable, own_copy
from core.config.scalars import ANY, BOOL, FLOAT, INT, STRING, AnyType, ConfigType, resolve_left_out
from core.config.secrets import note_named_secrets, note_secret
from core.errors import DagsterInvalidConfigDefinitionError, DagsterUserCodeExecutionError

_SAY_WHAT = ("the ", "a ", "an ", "exactly ")  # begin the names of types that are said in words
_SCALARS: dict[Any, ConfigType] = {
    Any: ANY,
    object: ANY,
    bool: BOOL,
    float: FLOAT,
    int: INT,
    str: STRING,
    BuiltinEnum.ANY: ANY,
    BuiltinEnum.BOOL: BOOL,
    BuiltinEnum.FLOAT: FLOAT,
    BuiltinEnum.INT: INT,
    BuiltinEnum.STRING: STRING,
}
_NO_DEFAULT = object()
ABSENT = object()
"""Stands for a field that is left out and has no default."""


class Field:
    """A named place in a config schema.

    Args:
        config: a config type, a Python scalar type, a dict (a `Shape`), or a list of one type (an `Array`).
        default_value: used when the config leaves the field out; checked against the type here and now.
        is_required: False lets the field be left out without a default. By default a field is required when
            it has no default and is not a mapping all of whose own fields can be left out.
        description: shown in messages about the field.
        is_secret: the value is never shown in a message, log or table.
        rule: what the field demands of those beside it, where it has a value itself: gets the mapping they stand in,
            resolved and each right by itself, and returns what is wrong, in words without a value, or None.
        fingerprint: the value points at something outside, such as a file, whose fingerprint is part of the version of
            what is computed from it.

    Raises:
        DagsterInvalidConfigDefinitionError: for something that is not a config type, or a default that does not fit.

    Example:
        >>> Field([int], default_value=[1, 2], description="The months to take.").default_value
        [1, 2]
    """

    @checked_arguments("a Field", DagsterInvalidConfigDefinitionError)
    def __init__(
        self,
        config: Any,
        default_value: object = _NO_DEFAULT,
        is_required: bool | None = None,
        description: str | None = None,
        is_secret: bool = False,
        rule: Callable[[Mapping[str, Any]], str | None] | None = None,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        self.config_type = as_config_type(config)
        self.fingerprint = fingerprint
        self.description = description
        self.is_secret = is_secret
        self.rule = rule
        if default_value is not _NO_DEFAULT and is_required:
            raise DagsterInvalidConfigDefinitionError("A required config field cannot have a default value.")
        self._set_default(default_value, is_required)

    def _set_default(self, default_value: object, is_required: bool | None) -> None:
        faults: list[ConfigFault] = []
        if default_value is not _NO_DEFAULT:
            # A default that reads the environment is read when the config is used, not when it is declared.
            if not isinstance(default_value, dict) or "env" not in default_value:
                self.resolve(default_value, (), faults)
            if faults:
                raise DagsterInvalidConfigDefinitionError(
                    f"The default value of a config field does not fit it: {faults[0]}"
                )
        elif is_required is None and isinstance(self.config_type, Noneable):
            default_value = None
        elif is_required is None and isinstance(self.config_type, WithFields | ModelType):
            self.config_type.resolve({}, (), faults)
            default_value = _NO_DEFAULT if faults else {}
        self._default = own_copy(default_value)
        self.is_required = default_value is _NO_DEFAULT if is_required is None else is_required

    def __repr__(self) -> str:  # without the default, which may be a secret
        required = "required" if self.is_required else "not required"
        return f"<{type(self).__name__}: {self.config_type.given_name}, {required}>"

    @property
    def has_default(self) -> bool:
        """bool: whether leaving the field out yields a value."""
        return self._default is not _NO_DEFAULT

    @property
    def default_value(self) -> Any:
        """The value when the config leaves the field out, a new one each time; only when `has_default`."""
        return own_copy(self._default)

    def form(self) -> FieldForm:
        """What may stand in the place, for those who print or translate schemas."""
        faults: list[ConfigFault] = []
        try:
            self.resolve_missing((), faults)
            is_required = any(not fault.is_of_environment for fault in faults)
        except DagsterUserCodeExecutionError:  # a function given to `configured`, which is asked with nothing
            is_required = True
        shown = (self.default_value,) if self.has_default and not self.is_secret else ()
        return FieldForm(
            self.config_type.form(),
            is_required,
            tuple(each for each in shown if next(not_recordable(each), None) is None),
            self.description or "",
            self.is_secret,
        )

    def resolve_missing(self, path: Path, faults: list[ConfigFault]) -> Any:
        """The value when the config leaves the field out, or `ABSENT`; a fault where it may not be left out."""
        if self.has_default:
            return self.resolve(self.default_value, path, faults)
        if self.is_required and isinstance(self.config_type, Shape | ModelType):
            return resolve_left_out(self.config_type, path, faults)
        if self.is_required:
            about = f" ({self.description})" if self.description else ""
            name = self.config_type.given_name
            of_name = f", {name}" if name.startswith(_SAY_WHAT) else f" of type {name}"
            faults.append(ConfigFault(path, f"{MISSING}{of_name}{about}"))
        return ABSENT

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        """As `ConfigType.resolve`; a secret's value is kept out of the faults, and what a secret's name stands for."""
        found: list[ConfigFault] = []
        resolved = self.config_type.resolve(value, path, found)
        if self.is_secret or (names_secret(path) and not isinstance(value, Mapping | list)):
            message = f"expected {self.config_type.given_name} (a secret, not shown)"
            found = [fault if fault.is_of_environment else ConfigFault(fault.path, message) for fault in found]
        if not found and (self.is_secret or (names_secret(path) and not isinstance(resolved, Mapping | list))):
            note_secret(value, resolved)
        elif not found and isinstance(self.config_type, AnyType | Array):
            note_named_secrets(value, resolved)
        faults.extend(found)
        return resolved


def as_config_type(schema: Any) -> ConfigType:
    """The config type that a piece of a schema stands for.

    Raises:
        DagsterInvalidConfigDefinitionError: it does not stand for one.
    """
    if isinstance(schema, ConfigType):
        return schema
    if isinstance(schema, Field):
        if schema.is_secret:
            raise DagsterInvalidConfigDefinitionError(
                "A secret field stands here where only its type counts, and its value would be shown; "
                "mark the outer field as is_secret."
            )
        return schema.config_type
    if isinstance(schema, dict):
        return Shape(schema)
    if is_model(schema):
        return ModelType(schema)
    if schema is dict:
        return Permissive()
    if schema is list:
        return Array(ANY)
    if isinstance(schema, list) and len(schema) == 1:
        return Array(schema[0])
    try:
        return _SCALARS[schema]
    except (KeyError, TypeError):
        raise DagsterInvalidConfigDefinitionError(
            f"{show_value(schema)} is not a config type. Use bool, int, float, str, dict, list, a dict of fields, "
            "a list of one type, a Field, a pydantic model, or a config type such as StringSource or Selector."
        ) from None


def as_field(schema: Any) -> Field:
    """`schema` as a field: itself, or a field of the type it stands for."""
    return schema if isinstance(schema, Field) else Field(schema)


class Noneable(ConfigType):
    """The inner type, or None.

    Example:
        >>> Field({"limit": Noneable(int)}).resolve({}, (), [])
        {'limit': None}
    """

    def __init__(self, inner_type: object) -> None:
        self.inner_type = as_config_type(inner_type)

    @property
    def given_name(self) -> str:
        return f"{self.inner_type.given_name} or null"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        return None if value is None else self.inner_type.resolve(value, path, faults)

    def form(self) -> Form:
        return OneOfForm((self.inner_type.form(), NULL))


class Array(ConfigType):
    """A list of values of the inner type; a list of one type stands for it: `[int]`.

    Example:
        >>> Field(Array(int)).resolve([1, 2], (), [])
        [1, 2]
    """

    def __init__(self, inner_type: object) -> None:
        self.inner_type = as_config_type(inner_type)

    @property
    def given_name(self) -> str:
        inner = self.inner_type.given_name
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            faults.append(ConfigFault(path, f"expected a {self.given_name}, got {show_value(value)}"))
            return value
        return [self.inner_type.resolve(item, (*path, index), faults) for index, item in enumerate(value)]

    def form(self) -> Form:
        return ListForm(self.inner_type.form())


class WithFields(ConfigType):
    """What `Shape`, `Permissive` and `Selector` share: named fields."""

    @checked_arguments("a Shape, Permissive or Selector", DagsterInvalidConfigDefinitionError)
    def __init__(self, fields: Mapping[Any, object] | None = None, description: str | None = None) -> None:
        bad = [name for name in fields or {} if not isinstance(name, str)]
        if bad:
            raise DagsterInvalidConfigDefinitionError(f"Config field names must be strings, got {show_value(bad[0])}.")
        self.fields = {name: as_field(field) for name, field in (fields or {}).items()}
        self.description = description

    def _as_mapping(self, value: object, path: Path, faults: list[ConfigFault]) -> Mapping[str, Any] | None:
        if not isinstance(value, Mapping):
            faults.append(ConfigFault(path, f"expected a mapping with {self._expects()}, got {show_value(value)}"))
            return None
        return value

    def _field_forms(self) -> dict[str, FieldForm]:
        forms = {name: field.form() for name, field in self.fields.items()}
        return {
            name: msgspec.structs.replace(form, default=(), is_secret=True) if names_secret((name,)) else form
            for name, form in forms.items()
        }

    def _expects(self) -> str:
        return f"keys {', '.join(sorted(self.fields))}" if self.fields else "no keys"

    def _resolve_fields(
        self, given: Mapping[str, Any], path: Path, faults: list[ConfigFault], misspelled: Collection[str] = ()
    ) -> dict[str, Any]:
        """Those that are given, and the defaults of others; `misspelled` are given by other names, which was told."""
        resolved: dict[str, Any] = {}
        faults_before = len(faults)
        for name, field in self.fields.items():
            if name in given:
                resolved[name] = field.resolve(given[name], (*path, name), faults)
            elif name not in misspelled and (value := field.resolve_missing((*path, name), faults)) is not ABSENT:
                resolved[name] = value
        if len(faults) == faults_before:
            self._apply_rules(resolved, path, faults)
        return resolved

    def _apply_rules(self, resolved: Mapping[str, Any], path: Path, faults: list[ConfigFault]) -> None:
        for name, field in self.fields.items():
            message = field.rule(resolved) if field.rule and name in resolved else None
            if message is not None:
                faults.append(ConfigFault((*path, name), message))


class Shape(WithFields):
    """A mapping with exactly the named fields; a dict stands for it.

    Example:
        >>> Field(Shape({"host": str, "port": Field(int, default_value=5432)})).resolve({"host": "db"}, (), [])
        {'host': 'db', 'port': 5432}
    """

    @property
    def given_name(self) -> str:
        return "mapping"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if value is None:  # so YAML writes a mapping whose entries are all commented out
            return resolve_left_out(self, path, faults)
        given = self._as_mapping(value, path, faults)
        if given is None:
            return value
        unknown = [name for name in given if name not in self.fields]
        for name in unknown:
            faults.append(ConfigFault((*path, name), unknown_name("key", name, self.fields)))
        meant = {likeliest_name(name, self.fields) for name in unknown} - given.keys()
        return self._resolve_fields(given, path, faults, {name for name in meant if name is not None})

    def form(self) -> Form:
        return MappingForm(self._field_forms(), description=self.description or "")


class Permissive(WithFields):
    """A mapping with the named fields and any others.

    Example:
        >>> Field(Permissive({"host": str})).resolve({"host": "db", "timeout": 3}, (), [])
        {'timeout': 3, 'host': 'db'}
    """

    @property
    def given_name(self) -> str:
        return "mapping with any keys"

    def _expects(self) -> str:
        return "any keys"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if value is None:  # so YAML writes a mapping whose entries are all commented out
            return resolve_left_out(self, path, faults)
        given = self._as_mapping(value, path, faults)
        if given is None:
            return value
        others = {name: item for name, item in given.items() if name not in self.fields}
        note_named_secrets(others, others)
        return {**others, **self._resolve_fields(given, path, faults)}

    def form(self) -> Form:
        return MappingForm(self._field_forms(), AnyForm(), self.description or "")
