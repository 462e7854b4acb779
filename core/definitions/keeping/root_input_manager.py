"""Root input managers as resources."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, overload

from core.arguments import checked_arguments
from core.definitions.parts.configurable import ConfigSchema, DefinitionConfig, known_as
from core.definitions.resource import ResourceDefinition, ResourceFn
from core.values.io_context import InputContext
from core.values.root_input_manager import RootInputManager

LoadFn = Callable[..., Any]


class RootInputManagerDefinition(ResourceDefinition):
    """A resource that is a RootInputManager: it loads inputs that no solid feeds.

    Args:
        resource_fn: makes the RootInputManager.
        config_schema: of the root input manager, for `context.resource_config`.
        description: for people.
        input_config_schema: of the config of each input that it loads, which is `context.config` there and stands in a
            run config as `solids: {SOLID: {inputs: {INPUT: ...}}}`. None takes none.
        required_resource_keys: resources it requires, for `context.resources`.
        version: changes when it loads another value; steps whose inputs it loads are not memoized without one.

    Example:
        >>> from core import InputDefinition, ModeDefinition, RootInputManager, RootInputManagerDefinition
        >>> from core import execute_solid, solid
        >>> class TableLoader(RootInputManager):
        ...     def load_input(self, context):
        ...         return {"orders": [17, 42]}[context.metadata["table"]]
        >>> table = RootInputManagerDefinition(lambda init_context: TableLoader())
        >>> @solid(input_defs=[InputDefinition("rows", root_manager_key="table", metadata={"table": "orders"})])
        ... def count(rows):
        ...     return len(rows)
        >>> execute_solid(count, ModeDefinition(resource_defs={"table": table})).output_value()
        2
    """

    @checked_arguments("a root input manager")
    def __init__(
        self,
        resource_fn: ResourceFn,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        input_config_schema: ConfigSchema | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
    ) -> None:
        super().__init__(resource_fn, config_schema, description, required_resource_keys, version)
        described = f"an input of root input manager {self.name}"
        self.input_config_schema = (
            None if input_config_schema is None else DefinitionConfig(input_config_schema, described)
        )


class LoadedByFunction(RootInputManager):
    """A root input manager that is one function.

    Args:
        load_fn: called with an InputContext, or with nothing if it takes nothing; returns the value, or a
            RootInputManager that loads it.
    """

    def __init__(self, load_fn: LoadFn) -> None:
        self._load_fn = load_fn
        self._takes_context = bool(inspect.signature(load_fn).parameters)

    def load_input(self, context: InputContext) -> Any:
        loaded = self._load_fn(context) if self._takes_context else self._load_fn()
        return loaded.load_input(context) if isinstance(loaded, RootInputManager) else loaded


@overload
def root_input_manager(config_schema: LoadFn) -> RootInputManagerDefinition: ...
@overload
def root_input_manager(
    config_schema: ConfigSchema = None,
    description: str | None = None,
    input_config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Callable[[LoadFn], RootInputManagerDefinition]: ...
def root_input_manager(
    config_schema: Any = None,
    description: str | None = None,
    input_config_schema: ConfigSchema | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Decorator: a function that loads inputs becomes a RootInputManagerDefinition. With or without arguments.

    The function takes an InputContext and returns the value of the input. The arguments are those of
    RootInputManagerDefinition.

    Example:
        >>> from core import InputDefinition, ModeDefinition, execute_pipeline, pipeline, root_input_manager, solid
        >>> @root_input_manager(input_config_schema={"table": str}, required_resource_keys={"database"}, version="1")
        ... def from_table(context):
        ...     return context.resources.database[context.config["table"]]
        >>> @solid(input_defs=[InputDefinition("rows", root_manager_key="from_table")])
        ... def count(rows):
        ...     return len(rows)
        >>> mode = ModeDefinition(resource_defs={"from_table": from_table, "database": {"orders": [17, 42]}})
        >>> counts = pipeline(name="counts", mode_defs=[mode])(lambda: count())
        >>> run_config = {"solids": {"count": {"inputs": {"rows": {"table": "orders"}}}}}
        >>> execute_pipeline(counts, run_config).output_for_solid("count")
        2
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return root_input_manager()(config_schema)

    def make(load_fn: LoadFn) -> RootInputManagerDefinition:
        made = RootInputManagerDefinition(
            _makes(load_fn),
            config_schema,
            description or load_fn.__doc__,
            input_config_schema,
            required_resource_keys,
            version,
        )
        known_as(made, load_fn)
        return made

    return make


def _makes(load_fn: LoadFn) -> ResourceFn:
    def make(_init_context: object) -> LoadedByFunction:
        return LoadedByFunction(load_fn)

    make.__name__ = getattr(load_fn, "__name__", "root_input_manager")
    return make
