"""`cloudstore launch`: has a run executed elsewhere."""

from __future__ import annotations

import click
import msgspec

from core.cli.failures import advising_presets, clear_failures
from core.cli.options import ChosenPipeline, pipeline_options, select_option
from core.cli.output.terminal import say
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError
from core.execution.preparing.prepare import prepare_run
from core.execution.recorded import as_stored
from core.executors import default_executors
from core.instance import persistent_instance
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.pipeline_run import PipelineRun


@click.command()
@pipeline_options
@select_option
def launch(chosen: ChosenPipeline, select: tuple[str, ...]) -> None:
    """Put a run of a pipeline into the queue, from which `cloudstore daemon run` launches it.

    The run config is checked now. `cloudstore runs` says what becomes of the run.

    \b
    Example:
      cloudstore launch -f pipeline.py -a flights --mode s3 -c s3.yaml
    """
    with clear_failures(chosen.placed):
        pipeline = chosen.load()
        with advising_presets(pipeline, chosen.preset), persistent_instance() as instance:
            run = instance.add_run(_run_of(pipeline, chosen, select))
            submitted = instance.submit_run(run.run_id)
        say(f"Run {run.run_id} is {submitted.status.value}.")


def _run_of(pipeline: PipelineDefinition, chosen: ChosenPipeline, select: tuple[str, ...]) -> PipelineRun:
    spec = chosen.asked(pipeline)
    spec = msgspec.structs.replace(spec, solid_selection=select) if select else spec
    prepared = prepare_run(pipeline, default_executors, spec)
    run = as_stored(prepared.run, prepared.secrets)
    if run.run_config != prepared.run.run_config:
        raise DagsterInvalidConfigError(
            "The run config holds a secret, which is not stored, so the run could not be executed elsewhere. Name an "
            "environment variable in its place: {env: NAME}."
        )
    return msgspec.structs.replace(run, external_pipeline_origin=_origin_of(pipeline))


def _origin_of(pipeline: PipelineDefinition) -> ExternalPipelineOrigin:
    origin = pipeline.python_origin
    if origin is None:
        raise DagsterInvariantViolationError(f"It is not known where the code of pipeline {pipeline.name!r} is.")
    location = ManagedGrpcPythonEnvRepositoryLocationOrigin(origin.loadable_target_origin)
    repository = ExternalRepositoryOrigin(location, f"__repository__{pipeline.name}")
    return ExternalPipelineOrigin(repository, pipeline.name)
