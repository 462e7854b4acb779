"""Everything about a run that can be decided, and refused, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.config import Secret, collecting_secrets
from core.definitions.executor import ExecutorDefinition
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition
from core.definitions.run_configs.environment import EnvironmentConfig
from core.definitions.run_configs.run_config import build_environment
from core.errors import DagsterInvalidSubsetError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.execution.preparing.defaults import complete_mode
from core.execution.preparing.intermediate import as_io_manager
from core.execution.preparing.spec import RunSpec
from core.execution.recorded import starring
from core.plan import ExecutionPlan, Versioning, build_plan
from core.plan.part import EarlierKeys, part_of, with_keys
from core.plan.refresh import refreshed_steps
from core.plan.selection import select_solids, select_steps
from core.records.pipeline_run import PipelineRun, make_new_run_id
from core.records.tags import MEMOIZED_RUN_TAG, max_runtime_seconds


class PreparedRun(msgspec.Struct, frozen=True, eq=False):
    """A run that may begin.

    Attributes:
        pipeline: the pipeline.
        mode: its mode.
        environment: the checked run config.
        resource_defs: by key, with the defaults of the package.
        executor_def: the executor that the run config chooses.
        plan: its steps, with versions but for those of steps whose config points at something outside.
        versioning: what worked out these versions.
        run: its record.
        is_stored: whether the record is stored already.
        secrets: the secret values in its config.
    """

    pipeline: PipelineDefinition
    mode: ModeDefinition
    environment: EnvironmentConfig
    resource_defs: dict[str, ResourceDefinition]
    executor_def: ExecutorDefinition
    plan: ExecutionPlan
    versioning: Versioning
    run: PipelineRun
    is_stored: bool = False
    secrets: frozenset[Secret] = frozenset()

    @property
    def is_memoized(self) -> bool:
        """bool: whether steps whose outputs are stored are to be skipped."""
        return self.run.tags.get(MEMOIZED_RUN_TAG, "").lower() == "true"


def prepare_run(
    pipeline: PipelineDefinition,
    default_executors: Sequence[ExecutorDefinition],
    asked: RunSpec | PipelineRun,
    mapping_keys: EarlierKeys | None = None,
) -> PreparedRun:
    """Checks a run against its pipeline and plans it.

    Args:
        pipeline: the pipeline.
        default_executors: for modes that name none; the first is chosen where the run config chooses none.
        asked: what is asked of a new run; or the record of a stored one that has not begun, which says all of it.
        mapping_keys: of the dynamic outputs whose values a stored run takes from earlier ones, their keys.

    Raises:
        DagsterInvariantViolationError: there is no such mode, or the stored run is one of another pipeline.
        DagsterInvalidSubsetError: a selection, or `refresh`, names no solid or step, or leaves out one without which it
            cannot be.
        DagsterInvalidConfigError: the run config does not fit; with every fault.
        DagsterInvalidDefinitionError: the tag `dagster/max_runtime` of the run is no number of seconds.
        DagsterExecutionStepNotFoundError: the stored run names a step that the pipeline does not have.
    """
    pipeline = _selected(pipeline, asked)
    mode_def = pipeline.get_mode_definition(asked.mode)
    complete = complete_mode(mode_def, default_executors)
    with collecting_secrets() as secrets:
        environment = build_environment(pipeline, complete, asked.run_config)
    if isinstance(asked, PipelineRun):
        run, plan = asked, build_plan(pipeline, environment)
        if asked.step_keys_to_execute is not None:
            plan = part_of(plan, asked.step_keys_to_execute, mapping_keys or {})
    else:
        run, plan = _new_run(pipeline, mode_def, environment, asked)
    max_runtime_seconds(run.tags, "the run")  # a wrong one is refused here
    strategy = mode_def.version_strategy or pipeline.version_strategy
    versioning = Versioning(plan, complete.resource_defs, environment.resources, strategy, hide=starring(secrets))
    return PreparedRun(
        pipeline,
        mode_def,
        environment,
        _resource_defs(pipeline, complete, environment),
        complete.executor_defs[environment.execution[0]],
        versioning.versioned_plan(),
        versioning,
        run,
        isinstance(asked, PipelineRun),
        frozenset(secrets),
    )


def prepare_steps(
    pipeline: PipelineDefinition, default_executors: Sequence[ExecutorDefinition], run: PipelineRun
) -> PreparedRun:
    """A run that another process has prepared and executes, for steps of it that are executed here.

    Its plan has all steps, and no versions: the process of the run works them out, and tells them.

    Args:
        pipeline: the pipeline.
        default_executors: as of `prepare_run`.
        run: the record, with the whole run config.

    Raises:
        DagsterInvalidConfigError: the run config does not fit here, as where an environment variable is missing.
    """
    pipeline = _selected(pipeline, run)
    mode_def = pipeline.get_mode_definition(run.mode)
    complete = complete_mode(mode_def, default_executors)
    environment = build_environment(pipeline, complete, run.run_config)
    plan = build_plan(pipeline, environment)
    return PreparedRun(
        pipeline,
        mode_def,
        environment,
        _resource_defs(pipeline, complete, environment),
        complete.executor_defs[environment.execution[0]],
        plan,
        Versioning(plan, complete.resource_defs, environment.resources),
        run,
        is_stored=True,
    )


def _check_stored(run: PipelineRun, pipeline: PipelineDefinition) -> None:
    if run.pipeline_name != pipeline.name:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} is a run of pipeline {run.pipeline_name!r} and cannot be executed with pipeline "
            f"{pipeline.name!r}."
        )


def _selected(pipeline: PipelineDefinition, asked: RunSpec | PipelineRun) -> PipelineDefinition:
    """The pipeline with only the solids that are asked for."""
    if isinstance(asked, PipelineRun):
        _check_stored(asked, pipeline)
    queries = asked.solids_to_execute if isinstance(asked, PipelineRun) else asked.solid_selection
    return pipeline.selected(select_solids(pipeline, queries)) if queries else pipeline


def _new_run(
    pipeline: PipelineDefinition, mode: ModeDefinition, environment: EnvironmentConfig, spec: RunSpec
) -> tuple[PipelineRun, ExecutionPlan]:
    plan = build_plan(pipeline, environment)
    step_keys = None
    plan = msgspec.structs.replace(plan, refreshed=refreshed_steps(plan, spec.refresh))
    if spec.step_selection is not None or spec.ended is not None:
        known = with_keys(plan, spec.mapping_keys)
        chosen = select_steps(known.steps, ["*"] if spec.step_selection is None else spec.step_selection)
        chosen = [key for key in chosen if key not in (spec.ended or ())]
        if spec.ended is not None and not chosen and not spec.may_execute_none:
            raise DagsterInvalidSubsetError(f"Run {spec.parent_run_id} has no step that did not end well.")
        plan = part_of(plan, chosen, spec.mapping_keys)
        step_keys = list(plan.step_keys_to_execute)
    run = PipelineRun(
        pipeline_name=pipeline.name,
        run_id=spec.run_id or make_new_run_id(),
        run_config=environment.original_config_dict,
        mode=mode.name,
        solid_selection=list(spec.solid_selection) if spec.solid_selection else None,
        solids_to_execute=frozenset(solid.key for solid in pipeline.leaves) if spec.solid_selection else None,
        tags=_run_tags(pipeline, spec.tags, spec.memoize),
        step_keys_to_execute=step_keys,
        root_run_id=spec.root_run_id,
        parent_run_id=spec.parent_run_id,
    )
    return run, plan


def _run_tags(pipeline: PipelineDefinition, tags: Mapping[str, Any] | None, memoize: bool | None) -> dict[str, str]:
    merged = {**pipeline.tags, **normalize_tags(tags, "the run")}
    if memoize is not None:
        merged[MEMOIZED_RUN_TAG] = str(memoize)
    if MEMOIZED_RUN_TAG in merged:
        merged[MEMOIZED_RUN_TAG] = merged[MEMOIZED_RUN_TAG].lower()  # in one spelling, so that such runs are found
    return merged


def _resource_defs(
    pipeline: PipelineDefinition, mode: CompleteMode, environment: EnvironmentConfig
) -> dict[str, ResourceDefinition]:
    """Those of the mode, with the intermediate storage that the run config chooses as the default IO manager."""
    if environment.intermediate_storage is None:
        return dict(mode.resource_defs)
    name, config = environment.intermediate_storage
    definition = mode.intermediate_storage_defs[name]
    io_manager = as_io_manager(definition, config, pipeline, mode.definition, environment)
    return {**mode.resource_defs, DEFAULT_IO_MANAGER_KEY: io_manager}
