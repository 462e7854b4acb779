"""IO managers as resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

from core.definitions.configurable import ConfigSchema
from core.definitions.resource import ResourceDefinition, ResourceFn


class IOManagerDefinition(ResourceDefinition):
    """A resource that is an IOManager.

    Args:
        resource_fn: makes the IOManager.
        config_schema: of the IO manager.
        description: for people.
        required_resource_keys: resources it requires.
        version: see ResourceDefinition.
        input_config_schema: of config for each input that it loads; `context.config` there.
        output_config_schema: of config for each output that it stores.
    """

    def __init__(
        self,
        resource_fn: ResourceFn,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
        input_config_schema: ConfigSchema | None = None,
        output_config_schema: ConfigSchema | None = None,
    ) -> None:
        super().__init__(resource_fn, config_schema, description, required_resource_keys, version)
        self.input_config_schema = input_config_schema
        self.output_config_schema = output_config_schema


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
) -> Callable[[ResourceFn], IOManagerDefinition]: ...
def io_manager(
    config_schema: Any = None,
    description: str | None = None,
    output_config_schema: ConfigSchema | None = None,
    input_config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Decorator: a function that makes an IOManager becomes an IOManagerDefinition. With or without arguments."""
    if callable(config_schema) and not isinstance(config_schema, type):
        return IOManagerDefinition(config_schema, description=config_schema.__doc__)

    def make(resource_fn: ResourceFn) -> IOManagerDefinition:
        return IOManagerDefinition(
            resource_fn,
            config_schema,
            description or resource_fn.__doc__,
            required_resource_keys,
            version,
            input_config_schema,
            output_config_schema,
        )

    return make
