"""`cloudstore config`: what a pipeline takes as run config, a run config to begin with, and whether one is right."""

from __future__ import annotations

from typing import Any

import click

from core.cli.failures import clear_failures
from core.cli.options import ChosenPipeline, pipeline_options
from core.cli.output.terminal import say, say_json
from core.config import ConfigFault, ConfigType, json_schema, scaffold, schema_text
from core.definitions.run_configs.run_config import build_environment, run_config_schema
from core.errors import DagsterInvalidConfigError
from core.execution.preparing.defaults import complete_mode
from core.execution.preparing.presets import with_preset
from core.execution.preparing.spec import RunSpec
from core.executors import default_executors
from core.serdes.yaml_file import load_yaml


@click.group()
def config() -> None:
    """Say what run config a pipeline takes, and check one."""


@config.command("scaffold")
@pipeline_options
@click.option("--json", "as_json", is_flag=True, help="As JSON, which has no comments: only what is required.")
def scaffold_command(chosen: ChosenPipeline, as_json: bool) -> None:
    """Print the smallest run config that fits, to begin with.

    What is required has a value to be replaced; what is optional is a comment.

    \b
    Example:
      cloudstore config scaffold -f pipeline.py -a flights --mode s3 > s3.yaml
    """
    with clear_failures(chosen.placed):
        text = scaffold(_schema_of(chosen))
        if as_json:
            say_json(load_yaml(text, "the scaffold"))
        else:
            say(text)


@config.command("schema")
@pipeline_options
@click.option("--json", "as_json", is_flag=True, help="As JSON schema (draft 2020-12), for editors.")
def schema_command(chosen: ChosenPipeline, as_json: bool) -> None:
    """Print what may stand where in the run config of a pipeline.

    \b
    Example:
      cloudstore config schema -f pipeline.py -a flights --mode s3
    """
    with clear_failures(chosen.placed):
        schema = _schema_of(chosen)
        if as_json:
            say_json(json_schema(schema, f"Run config of pipeline {chosen.load().name}"))
        else:
            say(schema_text(schema))


@config.command("check")
@pipeline_options
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: valid, and errors with path, message, file and line."
)
def check_command(chosen: ChosenPipeline, as_json: bool) -> None:
    """Check a run config without running anything; exits with 1 where it does not fit.

    Environment variables that it names must be set.

    \b
    Example:
      cloudstore config check -f pipeline.py -a flights -c s3.yaml --set solids.clean.config.months=[1,2]
    """
    with clear_failures(chosen.placed):
        pipeline = chosen.load()
        spec = with_preset(pipeline, chosen.preset, RunSpec(run_config=chosen.run_config(), mode=chosen.mode))
        mode = complete_mode(pipeline.get_mode_definition(spec.mode), default_executors)
        try:
            build_environment(pipeline, mode, spec.run_config)
        except DagsterInvalidConfigError as error:
            if not as_json:
                raise
            say_json({"valid": False, "errors": list(map(_record, chosen.placed(error.errors)))})
            raise click.exceptions.Exit(1) from None
        if as_json:
            say_json({"valid": True, "errors": []})
        else:
            say(f"The run config fits pipeline {pipeline.name!r} in mode {mode.definition.name!r}.")


def _schema_of(chosen: ChosenPipeline) -> ConfigType:
    if chosen.config_files or chosen.settings:
        raise click.UsageError(
            "No run config is needed here; leave -c and --set out, or use `cloudstore config check`."
        )
    pipeline = chosen.load()
    spec = with_preset(pipeline, chosen.preset, RunSpec(mode=chosen.mode))
    mode = complete_mode(pipeline.get_mode_definition(spec.mode), default_executors)
    return run_config_schema(pipeline, mode)


def _record(fault: ConfigFault) -> dict[str, Any]:
    return {
        "path": list(fault.path),
        "message": fault.message,
        "file": fault.file or None,
        "line": fault.line or None,
    }
