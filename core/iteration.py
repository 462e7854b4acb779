"""Executing pipelines event by event."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from core.api import checked_pipeline, instance_of_parent, reexecution_of
from core.definitions.pipeline import PipelineDefinition
from core.events.records import DagsterEvent
from core.execution.broken_off import exits_fail
from core.execution.preparing.prepare import prepare_run
from core.execution.preparing.presets import with_preset
from core.execution.preparing.spec import RunSpec
from core.execution.run import RunExecution
from core.executors import default_executors
from core.instance import DagsterInstance

Events = Generator[DagsterEvent, None, None]


def execute_pipeline_iterator(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    solid_selection: Sequence[str] | None = None,
    instance: DagsterInstance | None = None,
    memoize: bool | None = None,
    refresh: Sequence[str] = (),
) -> Events:
    """Executes a pipeline while its events are iterated.

    The run goes on only when the next event is asked for. The start of a step comes before it is executed, and the
    other events of a step when it has ended. What fails the run is told by events, and not raised. An iterator that is
    closed before its end, or dropped, cancels the run and stops its resources; one that was never begun leaves no run.

    Args: as of `execute_pipeline`.

    Returns:
        The events, in order. When the last one comes, the run is stored, and its resources are stopped.

    Raises:
        DagsterInvalidConfigError: the run config does not fit; with every fault. Nothing has been recorded.
        DagsterResourceUnavailableError: when the first event is asked for: what a resource needs is not there. Nothing
            has been recorded.
        KeyboardInterrupt, DagsterTerminatedError: the run was stopped by Ctrl-C, or by SIGTERM or SIGHUP.

    Example:
        >>> from core import execute_pipeline_iterator, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> for event in execute_pipeline_iterator(pipeline(name="count")(lambda: one())):
        ...     if event.is_step_event:
        ...         print(event.event_type_value)
        STEP_START
        STEP_OUTPUT
        HANDLED_OUTPUT
        STEP_SUCCESS
    """
    asked = RunSpec(
        run_config=run_config, mode=mode, tags=tags, solid_selection=solid_selection, memoize=memoize, refresh=refresh
    )
    spec = with_preset(checked_pipeline(pipeline), preset, asked)
    return _events(pipeline, spec, instance or DagsterInstance.ephemeral())


def reexecute_pipeline_iterator(
    pipeline: PipelineDefinition,
    parent_run_id: str,
    run_config: Mapping[str, Any] | None = None,
    step_selection: Sequence[str] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    instance: DagsterInstance | None = None,
    memoize: bool | None = None,
) -> Events:
    """Executes a pipeline again, as `reexecute_pipeline` does, while its events are iterated.

    Args: as of `reexecute_pipeline`.

    Returns:
        The events, as `execute_pipeline_iterator` gives them.

    Raises:
        DagsterRunNotFoundError: the instance has no such run.
        DagsterInvalidSubsetError: the selection names no step.

    Example:
        >>> from core import DagsterInstance, execute_pipeline, lambda_solid, pipeline, reexecute_pipeline_iterator
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> with DagsterInstance.ephemeral() as instance:
        ...     first = execute_pipeline(count, instance=instance)
        ...     events = reexecute_pipeline_iterator(count, first.run_id, step_selection=["one"], instance=instance)
        ...     list(events)[-1].is_pipeline_success
        True
    """
    known = instance_of_parent(instance, "reexecute_pipeline_iterator")
    spec = reexecution_of(pipeline, known, parent_run_id, run_config, step_selection, mode, preset, tags, memoize)
    return _events(pipeline, spec, known)


def _events(pipeline: PipelineDefinition, spec: RunSpec, instance: DagsterInstance) -> Events:
    with exits_fail():
        prepared = prepare_run(pipeline, default_executors, spec)
    return _iterated(RunExecution(prepared, instance, raise_on_error=False))


def _iterated(execution: RunExecution) -> Events:
    with exits_fail():
        yield from execution
