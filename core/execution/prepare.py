"""Everything about a run that can be decided, and refused, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.config import Secret, collecting_secrets
from core.definitions.executor import ExecutorDefinition
from core.definitions.input_output import DEFAULT_IO_MANAGER_KEY
from core.definitions.mode import CompleteMode, ModeDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.resource import ResourceDefinition
from core.definitions.run_config import EnvironmentConfig
from core.events.user_events import normalize_tags
from core.execution.defaults import complete_mode
from core.execution.intermediate import as_io_manager
from core.plan import ExecutionPlan, Versioning, build_plan
from core.plan.selection import select_steps
from core.records.pipeline_run import PipelineRun
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
        run: its record; not stored yet.
        secrets: what its config holds that is not for others.
    """

    pipeline: PipelineDefinition
    mode: ModeDefinition
    environment: EnvironmentConfig
    resource_defs: dict[str, ResourceDefinition]
    executor_def: ExecutorDefinition
    plan: ExecutionPlan
    versioning: Versioning
    run: PipelineRun
    secrets: frozenset[Secret] = frozenset()

    @property
    def is_memoized(self) -> bool:
        """bool: whether steps whose outputs are stored are to be skipped."""
        return self.run.tags.get(MEMOIZED_RUN_TAG) == "true"


def prepare_run(
    pipeline: PipelineDefinition,
    default_executor: ExecutorDefinition,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    tags: Mapping[str, Any] | None = None,
    memoize: bool | None = None,
    step_keys: Sequence[str] | None = None,
    root_run_id: str | None = None,
    parent_run_id: str | None = None,
    refresh: Sequence[str] = (),
) -> PreparedRun:
    """Checks a run against its pipeline and plans it.

    Args:
        pipeline: the pipeline.
        default_executor: for modes that name none.
        run_config: as the user gave it.
        mode: the name of the mode; the first by default.
        tags: added to those of the pipeline.
        memoize: sets or clears the tag of memoized runs; None leaves it to the tags.
        step_keys: only these steps; all by default.
        root_run_id: the first of a chain of re-executions.
        parent_run_id: the run that is re-executed.
        refresh: steps that are executed whatever is stored, with all that they feed; queries as `select_steps` takes.

    Raises:
        DagsterInvariantViolationError: there is no such mode.
        DagsterInvalidSubsetError: `refresh` names no step.
        DagsterInvalidConfigError: the run config does not fit; with every fault.
        DagsterExecutionStepNotFoundError: there is no such step.
    """
    mode_def = pipeline.get_mode_definition(mode)
    complete = complete_mode(mode_def, default_executor)
    with collecting_secrets() as secrets:
        environment = EnvironmentConfig.build(pipeline, complete, run_config)
    plan = build_plan(pipeline, environment, step_keys)
    plan = msgspec.structs.replace(plan, refreshed=_refreshed(plan, refresh))
    strategy = mode_def.version_strategy or pipeline.version_strategy
    versioning = Versioning(plan, complete.resource_defs, environment.resources, strategy)
    run = PipelineRun(
        pipeline_name=pipeline.name,
        run_config=environment.original_config_dict,
        mode=mode_def.name,
        tags=_run_tags(pipeline, tags, memoize),
        step_keys_to_execute=None if step_keys is None else list(step_keys),
        root_run_id=root_run_id,
        parent_run_id=parent_run_id,
    )
    return PreparedRun(
        pipeline,
        mode_def,
        environment,
        _resource_defs(pipeline, complete, environment),
        complete.executor_defs[environment.execution[0]],
        versioning.versioned_plan(),
        versioning,
        run,
        frozenset(secrets),
    )


def _refreshed(plan: ExecutionPlan, refresh: Sequence[str]) -> frozenset[str]:
    """The steps that are named, and all that they feed: the versions of those say nothing of a new value."""
    queries = [refresh] if isinstance(refresh, str) else refresh
    return frozenset(select_steps(plan.steps, [query if query.endswith("*") else f"{query}*" for query in queries]))


def _run_tags(pipeline: PipelineDefinition, tags: Mapping[str, Any] | None, memoize: bool | None) -> dict[str, str]:
    merged = {**pipeline.tags, **normalize_tags(tags, "the run")}
    if memoize is not None:
        merged[MEMOIZED_RUN_TAG] = str(memoize)
    if MEMOIZED_RUN_TAG in merged:
        merged[MEMOIZED_RUN_TAG] = merged[MEMOIZED_RUN_TAG].lower()  # in one spelling, for who looks for such runs
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
