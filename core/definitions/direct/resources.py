"""Resources outside a run: those that the context of a call is built with, and those of a block of a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from core.arguments import checked_arguments
from core.config import ABSENT, ConfigFault, Field, Shape, raise_faults
from core.definitions.calls.given_resources import GivenResources, Resources, check_given
from core.definitions.calls.starting import RunResources
from core.definitions.parts.configurable import DefinitionField
from core.definitions.resource import InitResourceContext, ResourceDefinition
from core.errors import DagsterInvalidInvocationError, DagsterInvariantViolationError
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager, log_outside_run
from core.records.pipeline_run import PipelineRun


class ResourcesOutsideRun(GivenResources):
    """Resources for code that is called outside a run: each is started when it is first needed, and once.

    Args:
        given: by key, definitions or the resources themselves.
        builder: what they are given to, for messages: "build_solid_context".
        instance: what resource functions are told; none by default.
        config: `{key: {"config": ...}}`, as in a run config.
        pipeline_run: what resource functions are told; none by default.
        log: what they log with.

    Raises:
        DagsterInvalidInvocationError: `given` is no mapping.
        DagsterInvalidConfigError: the config does not satisfy the schemas of the resources.
    """

    def __init__(
        self,
        given: Mapping[str, Any] | None,
        builder: str,
        instance: DagsterInstance | None = None,
        config: Mapping[str, Any] | None = None,
        pipeline_run: PipelineRun | None = None,
        log: DagsterLogManager | None = None,
    ) -> None:
        self._builder = builder
        self._is_in_block = False
        definitions = {key: _as_definition(each) for key, each in (given or {}).items()}
        self._definitions = definitions
        resolved = _resolved(definitions, config or {}, builder)

        def told(key: str, required: Resources) -> InitResourceContext:
            logs = log or log_outside_run(resource=key)
            return InitResourceContext(resolved.get(key), definitions[key], pipeline_run, logs, instance, required)

        self._started = RunResources(definitions, resolved, told)

    def required_by(self, keys: frozenset[str], described: str) -> Resources:
        check_given(keys, self._definitions, described, self._builder)
        return self._scope(keys)

    def __getattr__(self, name: str) -> Any:
        """All of them, as attributes, for code that is not a definition's."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._scope(frozenset(self._definitions)), name)

    def _scope(self, keys: frozenset[str]) -> Resources:
        self._check_required(keys)
        if self._is_in_block:
            return self._started.scope(keys)
        try:
            scope = self._started.scope(keys)
            if self._started.has_to_stop:
                raise DagsterInvariantViolationError(
                    f"A resource has to be stopped after its use; write `with {self._builder}(...) as context:`, and "
                    "use the context in that block."
                )
        except BaseException:  # a Ctrl-C too: what was started is stopped, and the same is raised
            self._started.close()
            raise
        return scope

    def _check_required(self, keys: Iterable[str]) -> None:
        """Checks that what the resources require was given too, before one of them is started."""
        waiting, seen = list(keys), set(keys)
        for key in waiting:  # grows while it is walked
            required = self._definitions[key].required_resource_keys
            check_given(required, self._definitions, f"Resource {key!r}", self._builder)
            waiting += sorted(required - seen)
            seen |= required

    def __enter__(self) -> Self:
        self._is_in_block = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_in_block = False
        self._started.close()


def given_resources(resources: Any, builder: str, instance: DagsterInstance | None = None) -> Any:
    """What a context that is built has as `resources`: those of a mapping by key, or an object that has its own."""
    return ResourcesOutsideRun(resources, builder, instance) if isinstance(resources, Mapping | None) else resources


def begin_block(resources: object) -> None:
    """At the beginning of the `with` block of a context: its resources may be such that have to be stopped."""
    if isinstance(resources, ResourcesOutsideRun):
        resources.__enter__()


def end_block(resources: object) -> None:
    """At the end of the `with` block of a context: its resources are stopped."""
    if isinstance(resources, ResourcesOutsideRun):
        resources.__exit__()


class InitResourceContextOutsideRun(InitResourceContext, frozen=True):
    """What `build_init_resource_context` gives; in a `with` block, the resources in it are stopped at its end."""

    def __enter__(self) -> Self:
        begin_block(self.resources)
        return self

    def __exit__(self, *_: object) -> None:
        end_block(self.resources)


@checked_arguments("build_init_resource_context", DagsterInvalidInvocationError)
def build_init_resource_context(
    config: Any = None, resources: Any = None, instance: DagsterInstance | None = None
) -> InitResourceContextOutsideRun:
    """An InitResourceContext to call a resource function or definition with, outside a run.

    Where a resource among `resources` has to be stopped, the context is used in a block:
    `with build_init_resource_context(resources={"database": database}) as init_context:`.

    Args:
        config: of the resource; checked against its schema when the resource is called.
        resources: those that it requires, by key: definitions, which are started, or the resources themselves; or an
            object that has them as attributes.
        instance: none by default.

    Example:
        >>> from core import build_init_resource_context, resource
        >>> @resource(config_schema={"port": int}, required_resource_keys={"host"})
        ... def address(context):
        ...     return f"{context.resources.host}:{context.resource_config['port']}"
        >>> address(build_init_resource_context(config={"port": 5432}, resources={"host": "localhost"}))
        'localhost:5432'
    """
    given = given_resources(resources, "build_init_resource_context", instance)
    return InitResourceContextOutsideRun(config, resources=given, instance=instance, log=log_outside_run())


@contextmanager
@checked_arguments("build_resources", DagsterInvalidInvocationError)
def build_resources(
    resources: Mapping[str, Any],
    instance: DagsterInstance | None = None,
    resource_config: Mapping[str, Any] | None = None,
    pipeline_run: PipelineRun | None = None,
    log_manager: DagsterLogManager | None = None,
) -> Iterator[Resources]:
    """Starts resources for a block, and stops them at its end.

    Args:
        resources: by key: definitions, or the resources themselves.
        instance: what resource functions are told; none by default.
        resource_config: by key, as in a run config.
        pipeline_run: what resource functions are told; none by default.
        log_manager: what they log with; Python's logger "dagster" by default.

    Raises:
        DagsterInvalidConfigError: the config does not satisfy the schemas of the resources; with every fault.
        DagsterInvalidInvocationError: one requires a resource that is not among them.
        DagsterResourceFunctionError: a resource function raised; what was started is stopped.

    Example:
        >>> import sqlite3
        >>> from core import build_resources, resource
        >>> @resource(config_schema={"path": str})
        ... def database(context):
        ...     connection = sqlite3.connect(context.resource_config["path"])
        ...     yield connection
        ...     connection.close()
        >>> with build_resources({"db": database}, resource_config={"db": {"config": {"path": ":memory:"}}}) as started:
        ...     started.db.execute("select 1 + 1").fetchone()
        (2,)
    """
    given = ResourcesOutsideRun(resources, "build_resources", instance, resource_config, pipeline_run, log_manager)
    with given:
        yield given.required_by(frozenset(resources), "The block")


def _as_definition(given: Any) -> ResourceDefinition:
    return given if isinstance(given, ResourceDefinition) else ResourceDefinition.hardcoded_resource(given)


def _resolved(definitions: Mapping[str, ResourceDefinition], config: Mapping[str, Any], builder: str) -> dict[str, Any]:
    """The config that each resource gets."""
    fields = {key: Field(Shape({"config": DefinitionField(each.config_schema)})) for key, each in definitions.items()}
    faults: list[ConfigFault] = []
    resolved = Shape(fields).resolve(dict(config), (), faults)
    raise_faults(faults, config, f"config of the resources given to {builder}")
    return {key: each["config"] for key, each in resolved.items() if each.get("config", ABSENT) is not ABSENT}
