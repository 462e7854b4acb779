"""Modes: the resources, loggers, executors and storages that a pipeline runs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from core.arguments import checked_arguments
from core.definitions.executor import ExecutorDefinition
from core.definitions.intermediate_storage import IntermediateStorageDefinition
from core.definitions.logger import DEFAULT_LOGGERS, LoggerDefinition
from core.definitions.parts.configurable import check_name, items_of
from core.definitions.resource import ResourceDefinition
from core.definitions.version_strategy import VersionStrategy
from core.errors import DagsterInvalidDefinitionError

DEFAULT_MODE_NAME = "default"
_Named = TypeVar("_Named", ExecutorDefinition, IntermediateStorageDefinition)


class ModeDefinition:
    """What changes between running a pipeline here and running it there.

    Args:
        name: "default" by default.
        resource_defs: by the key that solids require; a value that is not a ResourceDefinition is itself the resource.
        logger_defs: by the key that a run config calls them; one to the console by default.
        executor_defs: that a run config can choose from; those of the package by default.
        description: for people.
        intermediate_storage_defs: that a run config can choose from; `in_memory` and `filesystem` by default.
        version_strategy: gives versions to solids and resources that state none; the pipeline's by default.

    Raises:
        DagsterInvalidDefinitionError: two executors or two storages of one name.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, pipeline, solid
        >>> @solid(required_resource_keys={"greeting"})
        ... def greet(context):
        ...     return context.resources.greeting
        >>> modes = [ModeDefinition("english", {"greeting": "hello"}), ModeDefinition("german", {"greeting": "hallo"})]
        >>> greetings = pipeline(name="greetings", mode_defs=modes)(lambda: greet())
        >>> execute_pipeline(greetings, mode="german").output_for_solid("greet")
        'hallo'
    """

    @checked_arguments("mode")
    def __init__(
        self,
        name: str | None = None,
        resource_defs: Mapping[str, Any] | None = None,
        logger_defs: Mapping[str, LoggerDefinition] | None = None,
        executor_defs: Sequence[ExecutorDefinition] | None = None,
        description: str | None = None,
        intermediate_storage_defs: Sequence[IntermediateStorageDefinition] | None = None,
        version_strategy: VersionStrategy | None = None,
    ) -> None:
        self.name = check_name(name or DEFAULT_MODE_NAME, "mode")
        self.description = description
        self.version_strategy = version_strategy
        self.resource_defs = {
            check_name(key, "resource"): _as_resource(value) for key, value in (resource_defs or {}).items()
        }
        self.logger_defs = dict(DEFAULT_LOGGERS if logger_defs is None else logger_defs)
        self.executor_defs = _by_name(self.name, ExecutorDefinition, "executor_defs", executor_defs)
        self.intermediate_storage_defs = _by_name(
            self.name, IntermediateStorageDefinition, "intermediate_storage_defs", intermediate_storage_defs
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} with the resources {', '.join(self.resource_defs) or 'none'}>"


class CompleteMode(msgspec.Struct, frozen=True, eq=False):
    """What a run in a mode has and can choose from, with the defaults of the package where the mode says nothing.

    Attributes:
        definition: the mode.
        resource_defs: by key.
        executor_defs: by name; the first runs the steps where the run config chooses none.
        intermediate_storage_defs: by name.
    """

    definition: ModeDefinition
    resource_defs: Mapping[str, ResourceDefinition]
    executor_defs: Mapping[str, ExecutorDefinition]
    intermediate_storage_defs: Mapping[str, IntermediateStorageDefinition]


def _as_resource(value: Any) -> ResourceDefinition:
    return value if isinstance(value, ResourceDefinition) else ResourceDefinition.hardcoded_resource(value)


def _by_name(
    mode_name: str, kind: type[_Named], argument: str, given: Sequence[_Named] | None
) -> dict[str, _Named] | None:
    if given is None:
        return None
    definitions = items_of(given, kind, f"{argument} of mode {mode_name!r}")
    named = {definition.name: definition for definition in definitions}
    if len(named) < len(definitions):
        raise DagsterInvalidDefinitionError(
            f"Mode {mode_name!r} has two executors or two storages of the same name; rename one."
        )
    return named
