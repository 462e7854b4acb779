"""The memoizable IO managers of a pipeline, outside any run, for looking at what they have stored and deleting it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import DagsterInvariantViolationError
from core.execution.opening import opened_to_look
from core.execution.prepare import PreparedRun
from core.instance import DagsterInstance
from core.values.io_manager import MemoizableIOManager


@contextmanager
def memoizable_managers(prepared: PreparedRun, instance: DagsterInstance) -> Iterator[list[MemoizableIOManager]]:
    """The memoizable IO managers that outputs of a prepared run name, in the order of their resource keys.

    Each resource is started once, and stopped when the block ends. Nothing is recorded.

    Raises:
        DagsterInvariantViolationError: the outputs name no such IO manager.
        DagsterResourceFunctionError: a resource could not be started, or not be stopped.
        DagsterResourceUnavailableError: what a resource needs is not there.
    """
    keys = sorted({output.io_manager_key for step in prepared.plan.steps.values() for output in step.outputs})
    with opened_to_look(prepared, instance) as run:
        started = (run.resources.io_manager(key) for key in keys)
        managers = [manager for manager in started if isinstance(manager, MemoizableIOManager)]
        if not managers:
            raise DagsterInvariantViolationError(
                f"No output of pipeline {prepared.pipeline.name!r} in mode {prepared.mode.name!r} has an IO manager "
                f"that keeps values by version; the keys of its IO managers are: {', '.join(keys) or 'none'}. "
                "Name another mode with --mode."
            )
        yield managers
