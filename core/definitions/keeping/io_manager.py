"""IO managers as resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

import msgspec

from core.arguments import checked_arguments
from core.config import ABSENT, AnyForm, ConfigFault, Field, FieldForm, Fingerprint, MappingForm
from core.definitions.parts.configurable import ConfigSchema, DefinitionConfig, DefinitionField, known_as
from core.definitions.resource import ResourceDefinition, ResourceFn


class IOConfig(msgspec.Struct, frozen=True, eq=False):
    """The config of one input or output for one IO manager.

    Attributes:
        value: for `context.config`, with defaults and environment variables in place.
        schema: what it was checked against.
    """

    value: Any
    schema: DefinitionConfig

    @property
    def versioned(self) -> Any:
        """The part of it that versions are made of: all but secrets."""
        return self.schema.without_secrets(self.value)

    def fingerprinted(self) -> list[tuple[str, Fingerprint, Any]]:
        """Path, fingerprint and value of each field that points at something outside."""
        return self.schema.fingerprinted(self.value)


class IOConfigField(Field):
    """The place of the config of an input or output in a run config; comes to an IOConfig for each IO manager.

    A fan-in may be loaded by several IO managers; the config must then satisfy the schema of each.

    Args:
        schemas: by resource key.
    """

    def __init__(self, schemas: Mapping[str, DefinitionConfig]) -> None:
        self._schemas = schemas
        self._fields = {key: DefinitionField(schema) for key, schema in schemas.items()}
        super().__init__(Any, is_required=any(field.is_required for field in self._fields.values()))

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        return self._each(faults, lambda field, found: field.resolve(value, path, found))

    def resolve_missing(self, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        return self._each(faults, lambda field, found: field.resolve_missing(path, found))

    def form(self) -> FieldForm:
        first, *others = [field.form() for field in self._fields.values()]
        if all(each == first for each in others):
            return first
        is_required = any(each.is_required for each in (first, *others))
        return FieldForm(AnyForm("config that each IO manager of the input takes"), is_required)

    def _each(
        self, faults: list[ConfigFault], resolve: Callable[[DefinitionField, list[ConfigFault]], Any]
    ) -> dict[str, IOConfig]:
        found: list[ConfigFault] = []
        values = {key: resolve(field, found) for key, field in self._fields.items()}
        faults.extend(dict.fromkeys(found))  # IO managers of one schema find the same faults
        return {key: IOConfig(value, self._schemas[key]) for key, value in values.items() if value is not ABSENT}


class NoConfigField(Field):
    """Stands where nobody takes config; may be left out or be empty.

    Args:
        why: for the message.
    """

    def __init__(self, why: str) -> None:
        self._why = why
        super().__init__(Any, is_required=False)

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        if value is not None and value != {}:
            faults.append(ConfigFault(path, f"no config can be given here: {self._why}; leave this out"))
        return {}

    def form(self) -> FieldForm:
        return FieldForm(MappingForm({}), is_required=False)


def _io_config_schema(schema: ConfigSchema | None, described: str) -> DefinitionConfig | None:
    return None if schema is None else DefinitionConfig(schema, described)


class IOManagerDefinition(ResourceDefinition):
    """A resource that is an IOManager.

    Args:
        resource_fn: makes the IOManager.
        config_schema: of the IO manager.
        description: for people.
        required_resource_keys: resources it requires.
        version: see ResourceDefinition.
        input_config_schema: of the config of each input that it loads, which is `context.config` there and stands in a
            run config as `solids: {SOLID: {inputs: {INPUT: ...}}}`. None takes none.
        output_config_schema: of the config of each output that it stores, likewise; `solids: {SOLID: {outputs: {OUTPUT:
            ...}}}`. It is part of the output's version, as an input's is part of the version of what is computed
            from it; fields marked as secret are not.
        is_persistent: whether other processes can load the values that it stores. Executors that run steps in
            processes of their own refuse a run whose values are not. True by default, since nearly all IO managers
            write to disks, buckets or databases; say False of one that keeps values in its process.

    Example:
        >>> from core import IOManager, IOManagerDefinition, ModeDefinition
        >>> class Shelf(IOManager):
        ...     def __init__(self):
        ...         self.values = {}
        ...     def handle_output(self, context, obj):
        ...         self.values[context.step_key, context.name] = obj
        ...     def load_input(self, context):
        ...         return self.values[context.upstream_output.step_key, context.upstream_output.name]
        >>> shelf = IOManagerDefinition(lambda init_context: Shelf(), is_persistent=False)
        >>> mode = ModeDefinition(resource_defs={"io_manager": shelf})
    """

    @checked_arguments("an IO manager")
    def __init__(
        self,
        resource_fn: ResourceFn,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        input_config_schema: ConfigSchema | None = None,
        output_config_schema: ConfigSchema | None = None,
        is_persistent: bool = True,
    ) -> None:
        super().__init__(resource_fn, config_schema, description, required_resource_keys, version)
        self.is_persistent = is_persistent
        self.input_config_schema = _io_config_schema(input_config_schema, f"an input of IO manager {self.name}")
        self.output_config_schema = _io_config_schema(output_config_schema, f"an output of IO manager {self.name}")

    @staticmethod
    def hardcoded_io_manager(value: Any, description: str | None = None) -> IOManagerDefinition:
        """An IO manager that is `value`, an IOManager that is made already."""
        return IOManagerDefinition(lambda _context: value, description=description)

    def default_input_config(self) -> Any:
        """The config for loading a value that no solid takes, as a result of a run; None where there are no defaults.

        Of a schema with required fields there are none.
        """
        if self.input_config_schema is None:
            return None
        faults: list[ConfigFault] = []
        value = DefinitionField(self.input_config_schema).resolve_missing((), faults)
        return None if faults or value is ABSENT else value


@overload
def io_manager(config_schema: Callable[..., Any]) -> IOManagerDefinition: ...
@overload
def io_manager(
    config_schema: ConfigSchema = None,
    description: str | None = None,
    output_config_schema: ConfigSchema | None = None,
    input_config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
    is_persistent: bool = True,
) -> Callable[[ResourceFn], IOManagerDefinition]: ...
def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    output_config_schema: ConfigSchema | None = None,
    input_config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
    is_persistent: bool = True,
) -> Any:
    """Decorator: a function that makes an IOManager becomes an IOManagerDefinition. With or without arguments.

    The function takes an InitResourceContext. The arguments are those of IOManagerDefinition.

    Example:
        >>> from core import IOManager, ModeDefinition
        >>> class InDict(IOManager):
        ...     def __init__(self):
        ...         self.values = {}
        ...     def handle_output(self, context, obj):
        ...         self.values[context.step_key, context.name] = obj
        ...     def load_input(self, context):
        ...         return self.values[context.upstream_output.step_key, context.upstream_output.name]
        >>> @io_manager
        ... def in_dict(_init_context):
        ...     return InDict()
        >>> mode = ModeDefinition(resource_defs={"io_manager": in_dict})
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return io_manager()(config_schema)

    def make(resource_fn: ResourceFn) -> IOManagerDefinition:
        made = IOManagerDefinition(
            resource_fn,
            config_schema,
            description or resource_fn.__doc__,
            required_resource_keys,
            version,
            input_config_schema,
            output_config_schema,
            is_persistent,
        )
        known_as(made, resource_fn)
        return made

    return make
