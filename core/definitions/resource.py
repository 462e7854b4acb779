"""Resources: what solids share in a mode, started once a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, overload

import msgspec

from core.arguments import checked_arguments
from core.definitions.calls.context_argument import only_context
from core.definitions.calls.given_resources import resources_for
from core.definitions.parts.configurable import ConfigSchema, ConfigurableDefinition, known_as
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
)
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager, log_outside_run
from core.process.leftovers import Leftovers
from core.records.pipeline_run import PipelineRun
from core.usage import UsageMeter

ResourceFn = Callable[..., Any]


class InitResourceContext(msgspec.Struct, frozen=True):
    """What a resource function is told.

    Attributes:
        resource_config: the resource's config.
        resource_def: its definition.
        pipeline_run: the run.
        log: the run's log manager.
        instance: the DagsterInstance.
        resources: the resources it requires, as attributes.
        usage: counts what the run asks of remote storage; clients that a resource makes add to it.
        leftovers: where clients note what they begin in remote storage, so that it can be cleared when the process is
            killed; None where nothing outlives the process.

    Example:
        >>> from core import InitResourceContext, build_resources, resource
        >>> @resource(config_schema={"port": int}, required_resource_keys={"host"})
        ... def address(init_context: InitResourceContext):
        ...     return f"{init_context.resources.host}:{init_context.resource_config['port']}"
        >>> config = {"address": {"config": {"port": 5432}}}
        >>> with build_resources({"address": address, "host": "localhost"}, resource_config=config) as started:
        ...     print(started.address)
        localhost:5432
    """

    resource_config: Any
    resource_def: ResourceDefinition | None = None
    pipeline_run: PipelineRun | None = None
    log: DagsterLogManager | None = None
    instance: DagsterInstance | None = None
    resources: Any = None
    usage: UsageMeter = msgspec.field(default_factory=UsageMeter)
    leftovers: Leftovers | None = None

    @property
    def run_id(self) -> str | None:
        """str | None: the id of the run."""
        return self.pipeline_run.run_id if self.pipeline_run else None

    @property
    def log_manager(self) -> DagsterLogManager | None:
        """DagsterLogManager | None: the same as `log`."""
        return self.log

    def storage_directory(self) -> str:
        """Where the instance keeps values and files that need a local disk.

        Raises:
            DagsterInvariantViolationError: there is no instance, outside a run.
        """
        if self.instance is None:
            raise DagsterInvariantViolationError(
                "Without base_dir in its config, this resource keeps its values in the directory of an instance, and "
                "there is none outside a run. Give it a base_dir, or build_init_resource_context(instance=...)."
            )
        return self.instance.storage_directory()


class ResourceDefinition(ConfigurableDefinition):
    """A resource: a function that makes it, and the config the function takes.

    Args:
        resource_fn: called with an InitResourceContext (or with nothing, if it takes nothing). Returns the
            resource; or yields it once, and cleans up after the yield.
        config_schema: of `init_context.resource_config`.
        description: for people.
        required_resource_keys: other resources, started before it.
        version: changes when the resource's behaviour does; solids that require a resource without a version
            are not memoized.

    Example:
        >>> from core import ModeDefinition, ResourceDefinition, execute_solid, solid
        >>> @solid(required_resource_keys={"city", "clock"})
        ... def tell(context):
        ...     return f"{context.resources.clock()} in {context.resources.city}"
        >>> mode = ModeDefinition(
        ...     resource_defs={
        ...         "city": ResourceDefinition.string_resource().configured("Oslo"),
        ...         "clock": ResourceDefinition.hardcoded_resource(lambda: "12:00"),
        ...     }
        ... )
        >>> execute_solid(tell, mode).output_value()
        '12:00 in Oslo'
    """

    is_named = False

    @checked_arguments(
        "a resource", advice={"resource_fn": "For a value, write ResourceDefinition.hardcoded_resource(value)."}
    )
    def __init__(
        self,
        resource_fn: ResourceFn,
        config_schema: ConfigSchema | None = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
        version: str | None = None,
    ) -> None:
        name = getattr(resource_fn, "__name__", None)
        super().__init__(name, config_schema, description, "resource")
        self.resource_fn = resource_fn
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.version = version
        self._context_parameter = next(iter(inspect.signature(resource_fn).parameters), None)

    def create(self, init_context: InitResourceContext) -> Any:
        """Calls the function; returns what it returns, which may be a generator."""
        return self.resource_fn() if self._context_parameter is None else self.resource_fn(init_context)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Makes the resource outside a run, for tests: `database(build_init_resource_context(config={"port": 5432}))`.

        A function that takes a context is given one, or None for one with nothing in it.

        Returns:
            What the function returns; of a function that yields the resource, a context manager that gives it.

        Raises:
            DagsterInvalidInvocationError: no context was given to a function that takes one, or a resource that it
                requires is not in it; or one was given to a function that takes none.
            DagsterInvalidConfigError: the context's config does not satisfy the schema.
        """
        described, builder = f"Resource {self.name!r}", "build_init_resource_context"
        given = only_context(described, self._context_parameter, builder, InitResourceContext, args, kwargs)
        made = self.create(self._outside_run(given or InitResourceContext(None)))
        return from_generator(self.name, made) if inspect.isgenerator(made) else made

    def _outside_run(self, context: InitResourceContext) -> InitResourceContext:
        if context.resource_def is not None:  # that of another resource, in whose function this one is called
            return context
        config = self.resolved_config(context.resource_config, "build_init_resource_context(config=...)")
        return msgspec.structs.replace(
            context,
            resource_config=config,
            resource_def=self,
            resources=resources_for(
                self.required_resource_keys,
                context.resources,
                f"Resource {self.name!r}",
                "build_init_resource_context",
            ),
            log=context.log or log_outside_run(resource=self.name),
        )

    @staticmethod
    def hardcoded_resource(value: Any, description: str | None = None) -> ResourceDefinition:
        """A resource that is `value`."""
        return ResourceDefinition(lambda _context: value, description=description)

    @staticmethod
    def mock_resource(description: str | None = None) -> ResourceDefinition:
        """A resource that is a `unittest.mock.MagicMock`, a new one for each run."""

        def mock(_context: InitResourceContext) -> Any:
            from unittest.mock import MagicMock  # it imports asyncio

            return MagicMock()

        return ResourceDefinition(mock, description=description)

    @staticmethod
    def none_resource(description: str | None = None) -> ResourceDefinition:
        """A resource that is None."""
        return ResourceDefinition.hardcoded_resource(None, description)

    @staticmethod
    def string_resource(description: str | None = None) -> ResourceDefinition:
        """A resource that is the string it is configured with."""
        return ResourceDefinition(lambda context: context.resource_config, str, description)


@contextmanager
def from_generator(key: str, generator: Iterator[Any]) -> Iterator[Any]:
    """The lifetime of a resource whose function yields it."""
    try:
        value = next(generator)
    except StopIteration:
        raise DagsterInvalidDefinitionError(f"Resource {key!r} is a generator that yields nothing.") from None
    try:
        yield value
    finally:  # also where another resource, stopped before it, raised
        for _ in generator:
            raise DagsterInvalidDefinitionError(f"Resource {key!r} is a generator that yields more than once.")


@overload
def resource(config_schema: Callable[..., Any]) -> ResourceDefinition: ...
@overload
def resource(
    config_schema: ConfigSchema = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Callable[[ResourceFn], ResourceDefinition]: ...
def resource(
    config_schema: Any = None,
    description: str | None = None,
    required_resource_keys: Iterable[str] | None = None,
    version: str | None = None,
) -> Any:
    """Decorator: a function becomes a ResourceDefinition. With or without arguments.

    The function takes an InitResourceContext. Where it is a generator, what it yields is the resource, and the rest of
    it is run when the resource is stopped. The arguments are those of ResourceDefinition.

    Example:
        >>> from core import build_init_resource_context
        >>> @resource(config_schema={"city": str}, version="1")
        ... def weather(context):
        ...     return {"city": context.resource_config["city"], "degrees": 20}
        >>> weather(build_init_resource_context(config={"city": "Oslo"}))["city"]
        'Oslo'
    """
    if callable(config_schema) and not isinstance(config_schema, type):
        return resource()(config_schema)

    def make(resource_fn: ResourceFn) -> ResourceDefinition:
        about = description or resource_fn.__doc__
        made = ResourceDefinition(resource_fn, config_schema, about, required_resource_keys, version)
        known_as(made, resource_fn)
        return made

    return make


def make_values_resource(**kwargs: Any) -> ResourceDefinition:
    """A resource that is its own config, as a dict: of the given fields, or of any where none are given.

    Args:
        kwargs: field name -> config type.

    Example:
        >>> from core import ModeDefinition
        >>> mode = ModeDefinition(resource_defs={"values": make_values_resource(city=str, days=int)})
    """
    return ResourceDefinition(lambda context: context.resource_config, kwargs or dict)
