"""Whether an executor can run a pipeline with these values on this instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.definitions.executor import ExecutorRequirement
from core.definitions.keeping.io_manager import IOManagerDefinition
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY
from core.errors import DagsterUnmetExecutorRequirementsError
from core.execution.preparing.prepare import PreparedRun
from core.instance import DagsterInstance


def check_requirements(prepared: PreparedRun, instance: DagsterInstance) -> None:
    """Refuses a run that lacks something its executor needs.

    Raises:
        DagsterUnmetExecutorRequirementsError: with everything that is missing, and a way out of each.
    """
    executor = prepared.executor_def
    missing = [lack for requirement in executor.requirements if (lack := _LACKS[requirement](prepared, instance))]
    if missing:
        raise DagsterUnmetExecutorRequirementsError(
            f"Executor {executor.name!r} cannot run pipeline {prepared.pipeline.name!r}. " + " ".join(missing)
        )


def _unloadable_pipeline(prepared: PreparedRun, _instance: DagsterInstance) -> str | None:
    if prepared.pipeline.python_origin is not None:
        return None
    return (
        "It needs a pipeline that other processes can load, and it is not known where this one was loaded from: run "
        "it with `cloudstore run -f FILE`, or give execute_pipeline reconstructable(...) of it."
    )


def _ephemeral_instance(_prepared: PreparedRun, instance: DagsterInstance) -> str | None:
    if not instance.is_ephemeral:
        return None
    return (
        "It needs an instance that other processes can open, and this one is in the memory of this process: set "
        "DAGSTER_HOME to a directory and use DagsterInstance.get()."
    )


def _instance_of_this_machine(_prepared: PreparedRun, instance: DagsterInstance) -> str | None:
    of_runs, of_logs = instance.run_storage.is_of_one_machine, instance.event_log_storage.is_of_one_machine
    here = ["runs"] * of_runs + ["event logs"] * of_logs
    if not here or instance.is_ephemeral:  # the latter is told already
        return None
    return (
        f"It needs an instance that other machines can open, and this one keeps its {' and '.join(here)} on this "
        "machine's disk: use PostgreSQL, as docs/instance.md says."
    )


def _values_of_this_process(prepared: PreparedRun, _instance: DagsterInstance) -> str | None:
    outputs = [output for step in prepared.plan.steps_to_execute for output in step.outputs]
    keys = sorted({output.io_manager_key for output in outputs if not output.dagster_type.is_nothing})
    keeping = [_named(prepared, key) for key in keys if not _is_persistent(prepared, key)]
    if not keeping:
        return None
    return (
        f"It needs values that other processes can load, and {' and '.join(keeping)} keeps them in this process: use "
        "fs_io_manager, or an IO manager for a bucket."
    )


def _named(prepared: PreparedRun, key: str) -> str:
    storage = prepared.environment.intermediate_storage
    if storage is not None and key == DEFAULT_IO_MANAGER_KEY:
        return f"the intermediate storage {storage[0]!r}"
    return f"the IO manager {key!r}"


def _is_persistent(prepared: PreparedRun, key: str) -> bool:
    definition = prepared.resource_defs[key]
    # Of a resource that is an IO manager without being defined as one, nobody said that it keeps values to itself.
    return not isinstance(definition, IOManagerDefinition) or definition.is_persistent


_LACKS: Mapping[ExecutorRequirement, Callable[[PreparedRun, DagsterInstance], str | None]] = {
    ExecutorRequirement.RECONSTRUCTABLE_PIPELINE: _unloadable_pipeline,
    ExecutorRequirement.NON_EPHEMERAL_INSTANCE: _ephemeral_instance,
    ExecutorRequirement.SHARED_INSTANCE: _instance_of_this_machine,
    ExecutorRequirement.PERSISTENT_OUTPUTS: _values_of_this_process,
}
