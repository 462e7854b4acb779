"""What solids, resources, executors, loggers and storages share: a name, a config schema, and `configured`."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from core.config import (
    ABSENT,
    ConfigFault,
    ConfigType,
    Field,
    Fingerprint,
    Form,
    as_field,
    collecting_secrets,
    fingerprinted_fields,
    note_secrets,
    own_plain_copy,
    raise_faults,
    without_secret_fields,
)
from core.errors import (
    DagsterConfigMappingFunctionError,
    DagsterInvalidDefinitionError,
    user_code_error_boundary,
)
from core.wording import a_kind_of, with_article

ConfigSchema = Any
"""What users may give as `config_schema`: a dict of fields, a type, a Field, or a pydantic model.

Example:
    >>> from core import ConfigSchema, Field, Noneable, build_solid_context, solid
    >>> schema: ConfigSchema = {"city": str, "days": Field(int, default_value=7), "note": Noneable(str)}
    >>> @solid(config_schema=schema)
    ... def forecast(context):
    ...     return context.solid_config["days"]
    >>> forecast(build_solid_context(config={"city": "Oslo", "note": None}))
    7
"""

ConfigFn = Callable[[Any], Any]
_NAME = re.compile(r"[A-Za-z0-9_]+")


def check_name(name: str | None, kind: str) -> str:
    """`name`, when it is made of letters, digits and underscores; raises DagsterInvalidDefinitionError otherwise."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DagsterInvalidDefinitionError(
            f"{name!r} is not a valid {kind} name; use only the letters A-Z and a-z, digits and underscores."
        )
    return name


def beginning(described: str) -> str:
    """What a message calls something, as it begins a sentence: "Solid 'clean'" of "solid 'clean'"."""
    return described[0].upper() + described[1:]


_Item = TypeVar("_Item")
_Function = TypeVar("_Function")


def items_of(given: Iterable[_Item] | None, kind: type[_Item], described: str) -> tuple[_Item, ...]:
    """Definitions that are given as a list.

    Args:
        given: the list.
        kind: what each of them is.
        described: what they were given as, for messages: "input_defs of solid 'clean'".

    Raises:
        DagsterInvalidDefinitionError: it is no list, or something in it is of another kind.
    """
    if isinstance(given, str | kind) or not isinstance(given or (), Iterable):
        raise DagsterInvalidDefinitionError(
            f"{described} must be a list of {kind.__name__}; it is {a_kind_of(given)}. Put what it is to hold in "
            "brackets."
        )
    items = tuple(given or ())
    for each in items:
        if not isinstance(each, kind):
            raise DagsterInvalidDefinitionError(
                f"{described} holds {a_kind_of(each)}, which is not {with_article(kind.__name__)}."
            )
    return items


def mapping_of(given: Any, described: str) -> Mapping[Any, Any]:
    """Definitions by name; raises DagsterInvalidDefinitionError where they are not given as a dict."""
    if given is not None and not isinstance(given, Mapping):
        raise DagsterInvalidDefinitionError(f"{described} must be a dict by name; it is {a_kind_of(given)}.")
    return given or {}


def known_as(definition: Any, function: Callable[..., Any]) -> None:
    """Gives a definition what people and tools know the decorated function by: name, docstring, `__wrapped__`."""
    functools.update_wrapper(definition, function, ("__module__", "__name__", "__qualname__", "__doc__"), ())


class DefinitionConfig(ConfigType):
    """A definition's config as its users see it, and the way from there to what its code gets.

    Args:
        schema: the schema of what users write; None takes anything, or nothing.
        inner: the config of the definition that was configured.
        map_fn: makes config for `inner` from what users write.
        described: the definition, for messages.
    """

    def __init__(
        self,
        schema: ConfigSchema | None,
        described: str,
        inner: DefinitionConfig | None = None,
        map_fn: ConfigFn | None = None,
    ) -> None:
        self.field = Field(Any, is_required=False) if schema is None else as_field(schema)
        self._described = described
        self._inner = inner
        self._map_fn = map_fn

    @property
    def given_name(self) -> str:
        return self.field.config_type.given_name

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        before = len(faults)
        with collecting_secrets() as secrets:
            resolved = self.field.resolve(value, path, faults)
        note_secrets(secrets)
        if self._inner is None or self._map_fn is None or len(faults) > before:
            return resolved
        with user_code_error_boundary(
            DagsterConfigMappingFunctionError, f"The function given to `configured` of {self._described} raised"
        ):
            mapped = own_plain_copy(self._map_fn(resolved))
        found: list[ConfigFault] = []
        given = self._inner.resolve(mapped, path, found)
        faults.extend(_not_showing(found) if secrets else found)
        return given

    def form(self) -> Form:
        return self.field.config_type.form()

    @property
    def is_mapped(self) -> bool:
        """bool: whether the definition was made by `configured`."""
        return self._map_fn is not None

    def without_secrets(self, resolved: Any) -> Any:
        """What the code gets, less the fields marked as secret: credentials change and what they open does not."""
        return without_secret_fields(self._innermost.field, resolved)

    def fingerprinted(self, resolved: Any) -> list[tuple[str, Fingerprint, Any]]:
        """What the code gets of the fields that declare a fingerprint: path, fingerprint and value of each."""
        return fingerprinted_fields(self._innermost.field, resolved)

    @property
    def _innermost(self) -> DefinitionConfig:
        return self if self._inner is None else self._inner._innermost


def _not_showing(faults: Iterable[ConfigFault]) -> Iterator[ConfigFault]:
    """Faults of config that a function made of one with a secret, which may be anywhere in it."""
    for fault in faults:
        why = fault.message if fault.is_of_environment else "this does not fit (not shown, since a secret was given)"
        yield ConfigFault(fault.path, why, fault.is_of_environment)


class DefinitionField(Field):
    """The place of a definition's config in a run config: as required as the definition's own schema."""

    def __init__(self, config: DefinitionConfig) -> None:
        self._own = config.field
        self._is_mapped = config.is_mapped
        super().__init__(config, is_required=self._own.is_required, description=self._own.description)

    def resolve_missing(self, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        if self._own.has_default:
            return self.config_type.resolve(self._own.default_value, path, faults)
        before = len(faults)
        missing = self._own.resolve_missing(path, faults)
        is_to_be_mapped = missing is ABSENT and self._is_mapped and len(faults) == before
        return self.config_type.resolve(None, path, faults) if is_to_be_mapped else missing


class ConfigurableDefinition:
    """Base of the definitions that take config."""

    is_named = True
    """Whether the definition has a name of its own, or goes by the key it is given under, as resources do."""

    def __init__(
        self, name: str | None, config_schema: ConfigSchema | None, description: str | None, kind: str
    ) -> None:
        self._name = name
        self._kind = kind
        self.description = description
        self.config_schema = DefinitionConfig(config_schema, f"{kind} {name or ''}".strip())

    @property
    def name(self) -> str:
        """str: its own name, or that of the function it is made from."""
        return self._name or ""

    def resolved_config(self, given: Any, how: str) -> Any:
        """The config that the definition's code gets outside a run.

        Args:
            given: what its users write; None where they write nothing.
            how: where it is given, for the message: "build_solid_context(config=...)".

        Raises:
            DagsterInvalidConfigError: it does not satisfy the schema; with every fault.
        """
        faults: list[ConfigFault] = []
        field = DefinitionField(self.config_schema)
        resolved = field.resolve_missing((), faults) if given is None else field.resolve(given, (), faults)
        raise_faults(faults, given, f"config of {self._kind} {self._name or ''}".strip() + f", given by {how}")
        return None if resolved is ABSENT else resolved

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def configured(
        self,
        config_or_config_fn: Any,
        name: str | None = None,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
    ) -> Self:
        """The same definition with config given now, or with another, usually smaller schema.

        Args:
            config_or_config_fn: config that satisfies the schema; or a function from config of `config_schema` to it.
            name: of the new definition; the same by default.
            config_schema: what users of the new definition write, where a function is given.
            description: of the new definition; the same by default.

        Raises:
            DagsterInvalidConfigError: the config does not satisfy the schema.
            DagsterInvalidDefinitionError: a schema without a function.
        """
        described = f"{self._kind} {name or self._name or ''}".strip()
        new = copy.copy(self)
        new._name = name or self._name
        new.description = description or self.description
        if callable(config_or_config_fn):
            new.config_schema = DefinitionConfig(config_schema, described, self.config_schema, config_or_config_fn)
            return new
        if config_schema is not None:
            raise DagsterInvalidDefinitionError(
                f"`configured` of {described} was given a config_schema without a function that takes such config."
            )
        faults: list[ConfigFault] = []
        self.config_schema.resolve(config_or_config_fn, (), faults)
        # A variable that is not set here and now may be when the definition is used.
        lasting = [fault for fault in faults if not fault.is_of_environment]
        raise_faults(lasting, config_or_config_fn, f"config given to `configured` of {described}")
        new.config_schema = DefinitionConfig({}, described, self.config_schema, lambda _: config_or_config_fn)
        return new


def configured(configurable: Any, config_schema: ConfigSchema | None = None, **kwargs: Any) -> Callable[[Any], Any]:
    """Decorator form of `configured`: the decorated function maps config; or call the result with config itself.

    Args:
        configurable: the definition to configure.
        config_schema: what the function takes.
        kwargs: `name` and `description` of the new definition.

    Example:
        >>> from core import ModeDefinition, configured, execute_solid, resource, solid
        >>> @resource(config_schema={"host": str, "port": int})
        ... def database(context):
        ...     return "{host}:{port}".format(**context.resource_config)
        >>> @configured(database, config_schema={"name": str})
        ... def database_by_name(config):
        ...     return {"host": f"{config['name']}.example.com", "port": 5432}
        >>> here = configured(database)({"host": "localhost", "port": 5432})
        >>> ask = solid(name="ask", required_resource_keys={"database"})(lambda context: context.resources.database)
        >>> execute_solid(ask, ModeDefinition(resource_defs={"database": here})).output_value()
        'localhost:5432'
    """

    def configure(config_or_config_fn: Any) -> Any:
        given = dict(kwargs)
        if callable(config_or_config_fn) and configurable.is_named:
            given.setdefault("name", getattr(config_or_config_fn, "__name__", None))
        return configurable.configured(config_or_config_fn, config_schema=config_schema, **given)

    return configure
