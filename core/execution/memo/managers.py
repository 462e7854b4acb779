"""The memoizable IO managers of a pipeline, outside any run, for looking at what they have stored and deleting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError
from core.execution.opened_managers import opened_io_managers
from core.instance import DagsterInstance
from core.values.io_manager import MemoizableIOManager


@contextmanager
def memoizable_managers(
    pipeline: PipelineDefinition, mode: str | None, run_config: Mapping[str, Any], instance: DagsterInstance
) -> Iterator[list[MemoizableIOManager]]:
    """The memoizable IO managers that outputs of a pipeline name, in the order of their resource keys.

    Each resource is started once, and stopped when the block ends. Nothing is recorded.

    Args:
        pipeline: the pipeline.
        mode: the name of the mode; None for the first.
        run_config: only the config of the IO managers, and of what they require, is read and checked.
        instance: for those that keep values there.

    Raises:
        DagsterInvalidConfigError: the config of an IO manager does not fit.
        DagsterInvariantViolationError: the outputs name no such IO manager.
        DagsterResourceFunctionError: a resource could not be started, or not be stopped.
        DagsterResourceUnavailableError: what a resource needs is not there.
    """
    keys = sorted({output.io_manager_key for solid in pipeline.leaves for output in solid.definition.output_defs})
    with opened_io_managers(pipeline, mode, keys, run_config, instance) as resources:
        started = (resources.io_manager(key) for key in keys)
        managers = [manager for manager in started if isinstance(manager, MemoizableIOManager)]
        if not managers:
            name = pipeline.get_mode_definition(mode).name
            raise DagsterInvariantViolationError(
                f"No output of pipeline {pipeline.name!r} in mode {name!r} has an IO manager "
                f"that keeps values by version; the keys of its IO managers are: {', '.join(keys) or 'none'}. "
                "Name another mode with --mode."
            )
        yield managers
