"""Resources: what solids share in a mode, started once a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, overload

import msgspec

from core.definitions.configurable import ConfigSchema, ConfigurableDefinition, key_set
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager
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


def build_init_resource_context(
    config: Any = None, resources: Any = None, instance: DagsterInstance | None = None
) -> InitResourceContext:
    """An InitResourceContext to call a resource function with, outside a run."""
    return InitResourceContext(resource_config=config, resources=resources, instance=instance)


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
    """

    is_named = False

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
        if not callable(resource_fn):
            raise DagsterInvalidDefinitionError(
                f"ResourceDefinition needs a function that makes the resource; it was given {resource_fn!r}. "
                "For a value, write ResourceDefinition.hardcoded_resource(value)."
            )
        self.resource_fn = resource_fn
        self.required_resource_keys = key_set(required_resource_keys, f"resource {name!r}")
        self.version = version
        self._takes_context = bool(inspect.signature(resource_fn).parameters)

    def create(self, init_context: InitResourceContext) -> Any:
        """Calls the function; returns what it returns, which may be a generator."""
        return self.resource_fn(init_context) if self._takes_context else self.resource_fn()

    def __call__(self, init_context: InitResourceContext | None = None) -> Any:
        """Makes the resource outside a run, from `build_init_resource_context(...)`; for tests."""
        return self.create(init_context or build_init_resource_context())

    @staticmethod
    def hardcoded_resource(value: Any, description: str | None = None) -> ResourceDefinition:
        """A resource that is `value`."""
        return ResourceDefinition(lambda _context: value, description=description)

    @staticmethod
    def none_resource(description: str | None = None) -> ResourceDefinition:
        """A resource that is None."""
        return ResourceDefinition.hardcoded_resource(None, description)

    @staticmethod
    def string_resource(description: str | None = None) -> ResourceDefinition:
        """A resource that is the string it is configured with."""
        return ResourceDefinition(lambda context: context.resource_config, str, description)


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
    """Decorator: a function becomes a ResourceDefinition. With or without arguments."""
    if callable(config_schema) and not isinstance(config_schema, type):
        return ResourceDefinition(config_schema, description=config_schema.__doc__)

    def make(resource_fn: ResourceFn) -> ResourceDefinition:
        about = description or resource_fn.__doc__
        return ResourceDefinition(resource_fn, config_schema, about, required_resource_keys, version)

    return make


def make_values_resource(**kwargs: Any) -> ResourceDefinition:
    """A resource that is its own config, as a dict: of the given fields, or of any where none are given."""
    return ResourceDefinition(lambda context: context.resource_config, kwargs or dict)
