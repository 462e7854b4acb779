"""Opening a run: its log and resources are at hand, and nothing has happened yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from core.config import own_plain_copy
from core.definitions.calls.given_resources import Resources
from core.definitions.calls.starting import RunResources
from core.definitions.logger import InitLoggerContext
from core.definitions.resource import InitResourceContext
from core.errors import DagsterResourceFunctionError, user_code_error_boundary
from core.events.records import EventLogEntry
from core.execution.ancestors import Ancestors, find_ancestors
from core.execution.preparing.prepare import PreparedRun
from core.forks import ending_forked_children
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager, EventSink
from core.usage import UsageMeter

_CONTEXT_TAGS = {"pipeline", "solid", "solid_definition", "step_key"}
"""What messages say of where they come from; tags of a run do not take their place."""


class OpenRun(msgspec.Struct, frozen=True, eq=False):
    """A run with what it needs at hand.

    Attributes:
        prepared: the run.
        instance: where it is recorded.
        log: its log; also what is logged before the run is accepted.
        resources: each starts when it is first asked for.
        usage: what it asks of remote storage.
        ancestors: what stands for the steps that it leaves out.
    """

    prepared: PreparedRun
    instance: DagsterInstance
    log: DagsterLogManager
    resources: RunResources
    usage: UsageMeter
    ancestors: Ancestors


def open_run(
    prepared: PreparedRun, instance: DagsterInstance, event_sink: EventSink, ancestors: Ancestors | None = None
) -> OpenRun:
    """Opens a run. The caller must close its resources.

    Args:
        prepared: the run.
        instance: where it is recorded.
        event_sink: takes what is logged.
        ancestors: what stands for the steps that it leaves out; looked for in the instance by default.

    Raises:
        DagsterResourceFunctionError: a logger could not be made.
    """
    log, usage = _log_manager(prepared, event_sink), UsageMeter()

    def init_context(key: str, required: Resources) -> InitResourceContext:
        config, definition = own_plain_copy(prepared.environment.resources.get(key)), prepared.resource_defs[key]
        return InitResourceContext(config, definition, prepared.run, log, instance, required, usage, instance.leftovers)

    resources = RunResources(prepared.resource_defs, prepared.environment.resources, init_context)
    found = find_ancestors(instance, prepared.run, prepared.plan) if ancestors is None else ancestors
    return OpenRun(prepared, instance, log, resources, usage, found)


@contextmanager
def opened_to_look(
    prepared: PreparedRun, instance: DagsterInstance, ancestors: Ancestors | None = None
) -> Iterator[OpenRun]:
    """A run that will not be executed: nothing is recorded, and its resources are stopped when the block ends."""
    run = open_run(prepared, instance, _drop, ancestors)
    try:
        with ending_forked_children():
            yield run
    finally:
        run.resources.close()


def _drop(_entry: EventLogEntry) -> None:
    pass


def _log_manager(prepared: PreparedRun, event_sink: EventSink) -> DagsterLogManager:
    loggers: list[logging.Logger] = []
    for key, config in prepared.environment.loggers.items():
        definition = prepared.mode.logger_defs[key]
        init_context = InitLoggerContext(config, definition, prepared.pipeline, prepared.run.run_id)
        with user_code_error_boundary(DagsterResourceFunctionError, f"Logger {key!r} could not be made"):
            loggers.append(definition.create(init_context))
    user_tags = {key: value for key, value in prepared.run.tags.items() if key not in _CONTEXT_TAGS}
    tags = {**user_tags, "pipeline": prepared.pipeline.name}
    return DagsterLogManager(prepared.run.run_id, tags, loggers, event_sink)
