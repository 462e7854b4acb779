"""Values of earlier runs, loaded by the IO managers of their pipeline, outside any run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from core.definitions.keeping.io_manager import IOManagerDefinition
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY, OutputDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.solid import SolidDefinition
from core.errors import DagsterInvariantViolationError, DagsterResourceFunctionError, user_code_error_boundary
from core.events.payloads import StepOutputHandle
from core.events.step_keys import solid_key_of
from core.execution.opened_managers import opened_io_managers
from core.instance import DagsterInstance
from core.resources.mem_io_manager import InMemoryIOManager
from core.values.codecs.registry import codec_for
from core.values.io_context import InputContext, OutputContext


def load_output(
    pipeline: PipelineDefinition,
    mode: str | None,
    run_config: Mapping[str, Any],
    handle: StepOutputHandle,
    run_id: str,
    version: str | None,
    instance: DagsterInstance,
) -> Any:
    """The value of an output of an earlier run.

    Args:
        pipeline: the pipeline of the run.
        mode: its mode.
        run_config: of which the config of the output's IO manager, and of what that requires, is read.
        handle: the output.
        run_id: the run that stored it.
        version: of the output; None where it has none.
        instance: of the run.

    Raises:
        DagsterInvalidConfigError: the config of the IO manager does not fit.
        DagsterInvariantViolationError: the pipeline has no such output, or keeps it in the memory of the run's process.
        DagsterResourceFunctionError: the IO manager could not be started, or raised.
        DagsterError: the value is gone, damaged, or cannot be loaded.
    """
    solid_def, output_def = _definitions(pipeline, handle)
    key = output_def.io_manager_key
    with opened_io_managers(pipeline, mode, [key], run_config, instance) as resources:
        manager = resources.io_manager(key)
        if isinstance(manager, InMemoryIOManager):
            raise DagsterInvariantViolationError(
                f"Output {handle} is kept by {DEFAULT_IO_MANAGER_KEY} in the memory of the run's process alone; "
                "give the pipeline's mode an IO manager that stores values, such as fs_io_manager."
            )
        definition = resources.definition(key)
        required = resources.scope(definition.required_resource_keys if definition else frozenset())
        upstream = OutputContext(
            step_key=handle.step_key,
            name=handle.output_name,
            pipeline_name=pipeline.name,
            run_id=run_id,
            metadata=output_def.metadata,
            mapping_key=handle.mapping_key,
            solid_def=solid_def,
            dagster_type=output_def.dagster_type,
            version=version,
            resource_config=resources.config(key),
            resources=required,
        )
        context = InputContext(
            pipeline_name=pipeline.name,
            config=definition.default_input_config() if isinstance(definition, IOManagerDefinition) else None,
            upstream_output=upstream,
            dagster_type=output_def.dagster_type,
            resource_config=upstream.resource_config,
            resources=required,
        )
        with user_code_error_boundary(DagsterResourceFunctionError, f"IO manager {key!r} could not load {handle}"):
            return manager.load_input(context)


def encode_output(pipeline: PipelineDefinition, handle: StepOutputHandle, value: Any, stream: IO[bytes]) -> str:
    """Writes the value of an output by the codec that its definition, and its type, ask for; returns that codec's name.

    Raises:
        DagsterInvariantViolationError: the pipeline has no such output.
        ValueNotKeptError: the codec would change the value.
    """
    _, output_def = _definitions(pipeline, handle)
    codec = codec_for(output_def.metadata, output_def.dagster_type, value)
    codec.encode(value, stream)
    return codec.name


def _definitions(pipeline: PipelineDefinition, handle: StepOutputHandle) -> tuple[SolidDefinition, OutputDefinition]:
    key = solid_key_of(handle.step_key)
    solid = next((each for each in pipeline.leaves if each.key == key), None)
    output_def = solid.definition.output_dict.get(handle.output_name) if solid is not None else None
    if solid is None or output_def is None:
        raise DagsterInvariantViolationError(
            f"Pipeline {pipeline.name!r} has no output {handle}; name the pipeline of the run, as it was then."
        )
    return solid.definition, output_def
