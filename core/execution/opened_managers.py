"""IO managers of a pipeline outside any run, for looking at what they have stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.definitions.calls.given_resources import Resources
from core.definitions.calls.starting import RunResources
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import InitResourceContext, ResourceDefinition
from core.definitions.run_configs.resource_config import resolve_resources
from core.forks import ending_forked_children
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager
from core.records.pipeline_run import PipelineRun
from core.resources.mem_io_manager import mem_io_manager
from core.usage import UsageMeter


@contextmanager
def opened_io_managers(
    pipeline: PipelineDefinition,
    mode: str | None,
    keys: Iterable[str],
    run_config: Mapping[str, Any],
    instance: DagsterInstance,
) -> Iterator[RunResources]:
    """Resources of which only some IO managers, and what these require, need config. Nothing is recorded.

    Each is started when it is asked for, and stopped when the block ends.

    Args:
        pipeline: the pipeline.
        mode: the name of the mode; None for the first.
        keys: of the IO managers.
        run_config: only its section on these resources is read.
        instance: for those that keep things there.

    Raises:
        DagsterInvalidConfigError: the config of one of them does not fit.
        DagsterResourceFunctionError: a resource could not be started, or not be stopped.
        DagsterResourceUnavailableError: what a resource needs is not there.
    """
    mode_def = pipeline.get_mode_definition(mode)
    definitions: dict[str, ResourceDefinition] = {DEFAULT_IO_MANAGER_KEY: mem_io_manager, **mode_def.resource_defs}
    what = f"config of resources of pipeline {pipeline.name!r} in mode {mode_def.name!r}"
    config = resolve_resources(definitions, keys, run_config, what)
    run = PipelineRun(pipeline.name, mode=mode_def.name, run_config=dict(run_config))
    log, usage = DagsterLogManager(run.run_id, {"pipeline": pipeline.name}), UsageMeter()

    def init_context(key: str, required: Resources) -> InitResourceContext:
        given = config.get(key), definitions[key], run, log, instance
        return InitResourceContext(*given, required, usage, instance.leftovers)

    resources = RunResources(definitions, config, init_context)
    try:
        with ending_forked_children():
            yield resources
    finally:
        resources.close()
