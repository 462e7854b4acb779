"""Executing one solid in a run of its own, or some solids of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.api import checked_pipeline, execute_pipeline
from core.definitions.mode import ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.solid import SolidDefinition
from core.errors import DagsterInvariantViolationError
from core.execution.preparing.presets import with_preset
from core.execution.preparing.spec import RunSpec
from core.execution.results import SolidExecutionResult
from core.instance import DagsterInstance
from core.testing.part_of_pipeline import Values, part_of_pipeline
from core.wording import a_kind_of


def execute_solid(
    solid_def: SolidDefinition,
    mode_def: ModeDefinition | None = None,
    input_values: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
    run_config: Mapping[str, Any] | None = None,
    raise_on_error: bool = True,
) -> SolidExecutionResult:
    """Executes one solid in a run of its own, with an instance in memory.

    Args:
        solid_def: the solid.
        mode_def: has the resources that it requires; one with defaults by default.
        input_values: values of its inputs, by name; of any type, since they are not stored.
        tags: of the run.
        run_config: of a pipeline of this solid alone.
        raise_on_error: whether what the solid raises is raised; otherwise the result says it.

    Raises:
        DagsterInvariantViolationError: it is no solid, or has no such input.
        DagsterInvalidDefinitionError: the mode lacks a resource that the solid requires.
        DagsterInvalidConfigError: the run config does not fit, or a value of an input is lacking.
        Exception: where `raise_on_error`, what the solid raised.

    Example:
        >>> from core import execute_solid, solid
        >>> @solid
        ... def double(number: int) -> int:
        ...     return number * 2
        >>> execute_solid(double, input_values={"number": 2}).output_value()
        4
    """
    if not hasattr(solid_def, "with_input_values"):
        raise DagsterInvariantViolationError(
            f"execute_solid executes a solid, and was given {a_kind_of(solid_def)}. Decorate the function with @solid."
        )
    modes = None if mode_def is None else [mode_def]
    definition = solid_def.with_input_values(input_values or {})
    alone = PipelineDefinition([definition], f"ephemeral_{solid_def.name}_solid_pipeline", mode_defs=modes)
    result = execute_pipeline(alone, run_config, tags=tags, raise_on_error=raise_on_error)
    found: SolidExecutionResult = result.result_for_solid(solid_def.name)
    return found


def execute_solids_within_pipeline(
    pipeline_def: PipelineDefinition,
    solid_names: Iterable[str],
    inputs: Values | None = None,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    tags: Mapping[str, Any] | None = None,
    instance: DagsterInstance | None = None,
    raise_on_error: bool = True,
) -> dict[str, SolidExecutionResult]:
    """Executes some solids of a pipeline, with values in the place of what the others feed.

    Args:
        pipeline_def: the pipeline.
        solid_names: the solids, by their names in it. What they feed each other stays as it is.
        inputs: values of inputs, by solid and input; also of those that one of the solids feeds.
        run_config: of the whole pipeline, or of these solids.
        mode: the name of the mode; the pipeline's first by default.
        preset: as of `execute_pipeline`; of its solid selection nothing counts here.
        tags: of the run, added to those of the pipeline.
        instance: where the run is recorded; one in memory by default.
        raise_on_error: whether what a solid raises is raised; otherwise the results say it.

    Returns:
        The result of each solid by name.

    Raises:
        DagsterInvariantViolationError: there is no such solid or input, or nothing gives a value for an input.
        DagsterInvalidConfigError: the run config does not fit; with every fault.
        Exception: where `raise_on_error`, what a solid raised.

    Example:
        >>> from core import execute_solids_within_pipeline, lambda_solid, pipeline
        >>> load = lambda_solid(name="load")(lambda: [1, 2, 3])
        >>> clean = lambda_solid(name="clean")(lambda rows: [row for row in rows if row])
        >>> count = lambda_solid(name="count")(lambda rows: len(rows))
        >>> @pipeline
        ... def counts():
        ...     count(clean(load()))
        >>> results = execute_solids_within_pipeline(counts, ["clean", "count"], inputs={"clean": {"rows": [0, 1]}})
        >>> results["count"].output_value()
        1
    """
    names = [solid_names] if isinstance(solid_names, str) else list(solid_names)
    asked = with_preset(checked_pipeline(pipeline_def), preset, RunSpec(run_config=run_config, mode=mode, tags=tags))
    part, config = part_of_pipeline(pipeline_def, names, inputs or {}, asked.run_config or {})
    result = execute_pipeline(
        part, config, asked.mode, tags=asked.tags, instance=instance, raise_on_error=raise_on_error
    )
    return {name: result.result_for_solid(name) for name in names}


def execute_solid_within_pipeline(
    pipeline_def: PipelineDefinition,
    solid_name: str,
    inputs: Mapping[str, Any] | None = None,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    tags: Mapping[str, Any] | None = None,
    instance: DagsterInstance | None = None,
    raise_on_error: bool = True,
) -> SolidExecutionResult:
    """Executes one solid of a pipeline, as `execute_solids_within_pipeline` does.

    Args:
        solid_name: the solid, by its name in the pipeline.
        inputs: values of its inputs, by name.

    The other arguments, and the errors, are those of `execute_solids_within_pipeline`.

    Example:
        >>> from core import execute_solid_within_pipeline, lambda_solid, pipeline
        >>> load = lambda_solid(name="load")(lambda: [1, 2, 3])
        >>> count = lambda_solid(name="count")(lambda rows: len(rows))
        >>> @pipeline
        ... def counts():
        ...     count(load())
        >>> execute_solid_within_pipeline(counts, "count", inputs={"rows": ["a", "b"]}).output_value()
        2
    """
    values = {solid_name: inputs or {}}
    results = execute_solids_within_pipeline(
        pipeline_def, [solid_name], values, run_config, mode, preset, tags, instance, raise_on_error
    )
    return results[solid_name]
