"""Everything about a run that can be decided, and refused, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.config import Secret, collecting_secrets
from core.definitions.environment import EnvironmentConfig
from core.definitions.executor import ExecutorDefinition
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition
from core.definitions.run_config import build_environment
from core.errors import DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.execution.defaults import complete_mode
from core.execution.intermediate import as_io_manager
from core.execution.spec import RunSpec
from core.plan import ExecutionPlan, Versioning, build_plan
from core.plan.selection import select_steps
from core.records.pipeline_run import PipelineRun, make_new_run_id
from core.records.tags import MEMOIZED_RUN_TAG


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
    pipeline: PipelineDefinition, default_executor: ExecutorDefinition, asked: RunSpec | PipelineRun
) -> PreparedRun:
    """Checks a run against its pipeline and plans it.

    Args:
        pipeline: the pipeline.
        default_executor: for modes that name none.
        asked: what is asked of a new run; or the record of a stored one that has not begun, which says all of it.

    Raises:
        DagsterInvariantViolationError: there is no such mode, or the stored run is one of another pipeline or of some
            of its solids.
        DagsterInvalidSubsetError: the selection, or `refresh`, names no step.
        DagsterInvalidConfigError: the run config does not fit; with every fault.
        DagsterExecutionStepNotFoundError: the stored run names a step that the pipeline does not have.
    """
    mode_def = pipeline.get_mode_definition(asked.mode)
    complete = complete_mode(mode_def, default_executor)
    with collecting_secrets() as secrets:
        environment = build_environment(pipeline, complete, asked.run_config)
    if isinstance(asked, PipelineRun):
        _check_stored(asked, pipeline)
        run, plan = asked, build_plan(pipeline, environment, asked.step_keys_to_execute)
    else:
        run, plan = _new_run(pipeline, mode_def, environment, asked)
    strategy = mode_def.version_strategy or pipeline.version_strategy
    versioning = Versioning(plan, complete.resource_defs, environment.resources, strategy)
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


def _check_stored(run: PipelineRun, pipeline: PipelineDefinition) -> None:
    if run.pipeline_name != pipeline.name:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} is a run of pipeline {run.pipeline_name!r} and cannot be executed with pipeline "
            f"{pipeline.name!r}."
        )
    if run.solids_to_execute is not None and run.step_keys_to_execute is None:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} is to execute only some solids of its pipeline, which is not supported; create it with "
            "step_keys_to_execute instead of solids_to_execute."
        )


def _new_run(
    pipeline: PipelineDefinition, mode: ModeDefinition, environment: EnvironmentConfig, spec: RunSpec
) -> tuple[PipelineRun, ExecutionPlan]:
    plan = build_plan(pipeline, environment)
    step_keys = None if spec.step_selection is None else select_steps(plan.steps, spec.step_selection)
    plan = msgspec.structs.replace(plan, refreshed=_refreshed(plan, spec.refresh))
    run = PipelineRun(
        pipeline_name=pipeline.name,
        run_id=spec.run_id or make_new_run_id(),
        run_config=environment.original_config_dict,
        mode=mode.name,
        tags=_run_tags(pipeline, spec.tags, spec.memoize),
        step_keys_to_execute=step_keys,
        root_run_id=spec.root_run_id,
        parent_run_id=spec.parent_run_id,
    )
    return run, plan if step_keys is None else plan.restricted_to(set(step_keys))


def _refreshed(plan: ExecutionPlan, refresh: Sequence[str]) -> frozenset[str]:
    """The steps that are named and all that they feed, since a new value does not change the versions of those."""
    queries = [refresh] if isinstance(refresh, str) else refresh
    return frozenset(select_steps(plan.steps, [query if query.endswith("*") else f"{query}*" for query in queries]))


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
