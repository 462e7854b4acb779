"""Executing pipelines from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from core.definitions.pipeline import PipelineDefinition
from core.definitions.run_configs.run_config import build_environment
from core.errors import DagsterInvariantViolationError
from core.events.records import DagsterEvent
from core.execution.ancestors import read_earlier_run
from core.execution.broken_off import exits_fail
from core.execution.memo.preview import PlannedRun, preview
from core.execution.preparing.defaults import complete_mode
from core.execution.preparing.prepare import PreparedRun, prepare_run
from core.execution.preparing.presets import with_preset
from core.execution.preparing.spec import RunSpec
from core.execution.results import PipelineExecutionResult
from core.execution.resuming import end_killed, with_lost_steps
from core.execution.run import execute_prepared
from core.executors import default_executors
from core.instance import DagsterInstance
from core.instance.runs import check_not_begun
from core.plan.part import EarlierKeys
from core.records.pipeline_run import PipelineRun, lineage_tags
from core.records.tags import HIDDEN_TAG_PREFIX, RESUME_RETRY_TAG, RESUMES_PARENT_TAG
from core.wording import a_kind_of


def execute_pipeline(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    solid_selection: Sequence[str] | None = None,
    instance: DagsterInstance | None = None,
    raise_on_error: bool = True,
    memoize: bool | None = None,
    refresh: Sequence[str] = (),
    on_event: Callable[[DagsterEvent], None] | None = None,
) -> PipelineExecutionResult:
    """Executes a pipeline in this process, or with the executor that its run config chooses.

    Args:
        pipeline: the pipeline.
        run_config: config of its solids, resources, loggers and execution.
        mode: the name of the mode; the pipeline's first by default.
        preset: the name of one of the pipeline's presets, onto whose run config and tags those given here are merged.
        tags: of the run, added to those of the pipeline.
        solid_selection: queries such as "clean", "clean*" (with all that it feeds), "*report" or "+report" (with what
            feeds it at once) for the solids that the run consists of, those of graphs as "outer.clean"; all by default.
            What an input lacks for it is given by the run config.
        instance: where the run is recorded; an ephemeral one by default.
        raise_on_error: whether the first error ends the run and is raised; otherwise the result says what failed.
        memoize: whether steps whose outputs are stored in the version that they would be computed in are skipped;
            by default as the tag `dagster/is_memoized_run` says.
        refresh: steps that are executed whatever is stored, with all that they feed, and whose new values take the
            place of those that are stored; for changes that versions cannot tell. `clean[key]` is the step for one
            value of a dynamic output.
        on_event: called with each event of the run.

    Raises:
        DagsterInvalidSubsetError: `solid_selection` names no solid, or `refresh` no step, or none for a value that a
            dynamic output is known to have. Nothing has been recorded.
        DagsterInvalidConfigError: the run config does not fit; with every fault. Nothing has been recorded.
        DagsterResourceUnavailableError: what a resource needs is not there. Nothing has been recorded.
        Exception: where `raise_on_error`, what the user's code raised, or what else failed the run.
        KeyboardInterrupt, DagsterTerminatedError: the run was stopped by Ctrl-C, or by SIGTERM or SIGHUP.
        SystemExit: the user's code called sys.exit. The exit code that it leads to is not 0.

    Example:
        >>> from core import execute_pipeline, pipeline, solid
        >>> @solid(config_schema={"rows": int})
        ... def load(context):
        ...     return list(range(context.solid_config["rows"]))
        >>> @pipeline
        ... def loads():
        ...     load()
        >>> result = execute_pipeline(loads, run_config={"solids": {"load": {"config": {"rows": 3}}}})
        >>> result.output_for_solid("load")
        [0, 1, 2]
    """
    asked = RunSpec(
        run_config=run_config, mode=mode, tags=tags, solid_selection=solid_selection, memoize=memoize, refresh=refresh
    )
    spec = with_preset(checked_pipeline(pipeline), preset, asked)
    return _execute(pipeline, spec, instance or DagsterInstance.ephemeral(), raise_on_error, on_event)


def execute_run(
    pipeline: PipelineDefinition,
    pipeline_run: PipelineRun,
    instance: DagsterInstance,
    raise_on_error: bool = False,
    *,
    on_event: Callable[[DagsterEvent], None] | None = None,
) -> PipelineExecutionResult:
    """Executes a run that is stored and has not begun: one made by `DagsterInstance.create_run`, queued or launched.

    What is executed is what the stored record says: its config, mode, tags and steps. Of several processes that
    execute one run at the same time, one does.

    Args:
        pipeline: the run's pipeline.
        pipeline_run: the run.
        instance: where it is stored.
        raise_on_error: whether the first error ends the run and is raised; otherwise the result says what failed.
        on_event: called with each event of the run.

    Raises:
        DagsterRunNotFoundError: the instance has no such run.
        DagsterRunConflict: the run is being executed already, or has ended. Nothing has been recorded.
        DagsterInvariantViolationError: it is a run of another pipeline.
        DagsterInvalidConfigError: its config does not fit; with every fault. Nothing has been recorded, and the run is
            stored as it was.
        DagsterResourceUnavailableError: what a resource needs is not there. The same holds.
        Exception: where `raise_on_error`, what the user's code raised, or what else failed the run.

    Example:
        >>> from core import DagsterInstance, execute_run, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> with DagsterInstance.ephemeral() as instance:
        ...     queued = instance.create_run("count")
        ...     result = execute_run(count, queued, instance)
        >>> result.success, result.run_id == queued.run_id
        (True, True)
    """
    stored = instance.get_existing_run(pipeline_run.run_id)
    check_not_begun(stored)
    with instance.preparing_run(stored):
        if RESUMES_PARENT_TAG in stored.tags and stored.parent_run_id is not None:
            return execute_prepared(_resumption(pipeline, stored, instance), instance, raise_on_error, on_event)
        return _execute(pipeline, stored, instance, raise_on_error, on_event)


def _resumption(pipeline: PipelineDefinition, stored: PipelineRun, instance: DagsterInstance) -> PreparedRun:
    """A stored run that goes on after another: it is found out now which steps it executes, and stored with it."""
    assert stored.parent_run_id is not None
    with exits_fail():
        parent_id, config, mode = stored.parent_run_id, stored.run_config, stored.mode
        spec = reexecution_of(pipeline, instance, parent_id, config, None, mode, None, None, None, resume=True)
        prepared = prepare_run(pipeline, default_executors, msgspec.structs.replace(spec, run_id=stored.run_id))
        step_keys = prepared.run.step_keys_to_execute
        instance.run_storage.rewrite_run(msgspec.structs.replace(stored, step_keys_to_execute=step_keys))
        run = msgspec.structs.replace(stored, step_keys_to_execute=step_keys, run_config=prepared.run.run_config)
        return msgspec.structs.replace(prepared, run=run, is_stored=True)


def plan_pipeline(
    pipeline: PipelineDefinition,
    run_config: Mapping[str, Any] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    *,
    solid_selection: Sequence[str] | None = None,
    instance: DagsterInstance | None = None,
    refresh: Sequence[str] = (),
) -> PlannedRun:
    """What a memoized run of a pipeline would execute now, and what it would skip; nothing is recorded or executed.

    Args:
        pipeline: the pipeline.
        run_config: as for `execute_pipeline`.
        mode: the name of the mode; the pipeline's first by default.
        preset: as for `execute_pipeline`.
        solid_selection: as for `execute_pipeline`.
        instance: an ephemeral one by default.
        refresh: as for `execute_pipeline`.

    Raises:
        DagsterInvalidConfigError: the run config does not fit; with every fault.
        DagsterResourceFunctionError: an IO manager could not be started, or could not say what it has stored.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, pipeline, plan_pipeline, solid
        >>> from core import versioned_filesystem_io_manager
        >>> one = solid(name="one", version="1")(lambda context: 1)
        >>> stored = versioned_filesystem_io_manager.configured({"base_dir": "values"})
        >>> mode = ModeDefinition(resource_defs={"io_manager": stored})
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> plan_pipeline(count).step_keys_to_execute
        ('one',)
        >>> execute_pipeline(count, memoize=True).success
        True
        >>> plan_pipeline(count).step_keys_to_execute
        ()
    """
    asked = RunSpec(run_config=run_config, mode=mode, solid_selection=solid_selection, memoize=True, refresh=refresh)
    spec = with_preset(checked_pipeline(pipeline), preset, asked)
    with exits_fail():
        prepared = prepare_run(pipeline, default_executors, spec)
        return preview(prepared, instance or DagsterInstance.ephemeral())


def reexecute_pipeline(
    pipeline: PipelineDefinition,
    parent_run_id: str,
    run_config: Mapping[str, Any] | None = None,
    step_selection: Sequence[str] | None = None,
    mode: str | None = None,
    preset: str | None = None,
    *,
    from_failure: bool = False,
    resume: bool = False,
    tags: Mapping[str, Any] | None = None,
    instance: DagsterInstance | None = None,
    raise_on_error: bool = True,
    memoize: bool | None = None,
    on_event: Callable[[DagsterEvent], None] | None = None,
) -> PipelineExecutionResult:
    """Executes a pipeline again, or some of its steps, as a run whose parent is an earlier one.

    Values of steps that are not selected are those of the parent, or of the nearest run before it that executed them.
    Of a run of some of a pipeline's solids, the new one has the same.

    Args:
        pipeline: the pipeline.
        parent_run_id: the earlier run.
        run_config: the parent's by default; where a preset is given, none.
        step_selection: queries such as "clean", "clean*" (with all that it feeds) or "*report"; all steps by default.
        mode: that of the preset, if one is given, else the parent's by default.
        preset: as for `execute_pipeline`.
        from_failure: leaves out the steps that ended well in the parent; those that failed, and those that never began,
            are executed, of the steps that the parent was to execute.
        resume: as `from_failure`, also for a parent whose process was killed, which is recorded as failed then: goes on
            from what the parent has recorded and stored. Values that are gone are computed again.
        tags: added to those of the pipeline and the parent.
        instance: where the parent is recorded; it must be given.
        raise_on_error: see `execute_pipeline`.
        memoize: see `execute_pipeline`.
        on_event: see `execute_pipeline`.

    Raises:
        DagsterRunNotFoundError: the instance has no such run.
        DagsterInvalidSubsetError: the selection names no step, or no step is left to be executed.
        DagsterRunConflict: where `resume`, the parent has not ended, and it is not known that its process is gone.

    Example:
        >>> from pathlib import Path
        >>> from core import DagsterInstance, ModeDefinition, execute_pipeline, fs_io_manager, pipeline
        >>> from core import reexecute_pipeline, solid
        >>> load = solid(name="load")(lambda context: Path("rows.txt").read_text())
        >>> mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})
        >>> loads = pipeline(name="loads", mode_defs=[mode])(lambda: load())
        >>> with DagsterInstance.ephemeral() as instance:
        ...     failed = execute_pipeline(loads, instance=instance, raise_on_error=False)
        ...     written = Path("rows.txt").write_text("a b")
        ...     again = reexecute_pipeline(loads, failed.run_id, from_failure=True, instance=instance)
        >>> failed.success, again.success
        (False, True)
    """
    known = instance_of_parent(instance, "reexecute_pipeline")
    spec = reexecution_of(
        pipeline, known, parent_run_id, run_config, step_selection, mode, preset, tags, memoize, from_failure, resume
    )
    return _execute(pipeline, spec, known, raise_on_error, on_event)


def instance_of_parent(instance: DagsterInstance | None, called: str) -> DagsterInstance:
    """The instance; raises DagsterInvariantViolationError where none was given to the function of that name."""
    if instance is None:
        raise DagsterInvariantViolationError(
            f"{called} needs the instance that has the parent run: {called}(..., instance=instance)."
        )
    return instance


def reexecution_of(
    pipeline: PipelineDefinition,
    instance: DagsterInstance,
    parent_run_id: str,
    run_config: Mapping[str, Any] | None,
    step_selection: Sequence[str] | None,
    mode: str | None,
    preset: str | None,
    tags: Mapping[str, Any] | None,
    memoize: bool | None,
    from_failure: bool = False,
    resume: bool = False,
) -> RunSpec:
    """What is asked of a run that executes an earlier one again; see `reexecute_pipeline`."""
    if not isinstance(parent_run_id, str):
        raise DagsterInvariantViolationError(
            f"The id of the parent run is text; it was given {a_kind_of(parent_run_id)}."
        )
    parent = instance.get_existing_run(parent_run_id)
    if resume:
        parent, from_failure = end_killed(instance, parent), True
    root_run_id = parent.root_run_id or parent.run_id
    parent_tags = {key: value for key, value in parent.tags.items() if not key.startswith(HIDDEN_TAG_PREFIX)}
    is_same = preset is None
    earlier = read_earlier_run(instance, parent, checked_pipeline(pipeline), from_failure)
    lineage = lineage_tags(root_run_id, parent.run_id)
    asked = RunSpec(
        run_config=parent.run_config if run_config is None and is_same else run_config,
        mode=mode or (parent.mode if is_same else None),
        tags={**parent_tags, **(tags or {}), **lineage, **({RESUME_RETRY_TAG: "true"} if from_failure else {})},
        solid_selection=parent.solid_selection or sorted(parent.solids_to_execute or ()) if is_same else None,
        step_selection=parent.step_keys_to_execute if from_failure and step_selection is None else step_selection,
        mapping_keys=earlier.mapping_keys,
        ended=earlier.ended if from_failure else None,
        may_execute_none=resume,
        refresh=earlier.refreshed if from_failure else (),
        memoize=memoize,
        root_run_id=root_run_id,
        parent_run_id=parent.run_id,
    )
    spec = with_preset(pipeline, preset, asked)
    return with_lost_steps(pipeline, default_executors, spec, instance) if resume else spec


def validate_run_config(
    pipeline_def: PipelineDefinition, run_config: Mapping[str, Any] | None = None, mode: str | None = None
) -> dict[str, Any]:
    """Checks a run config without a run.

    Args:
        pipeline_def: the pipeline.
        run_config: as for `execute_pipeline`.
        mode: the name of the mode; the pipeline's first by default.

    Returns:
        The run config as a run uses it, with defaults and environment variables in place. It holds their secrets.

    Raises:
        DagsterInvalidConfigError: it does not fit; with every fault, each with its path.
        DagsterInvariantViolationError: the pipeline has no such mode.

    Example:
        >>> from core import Field, pipeline, solid, validate_run_config
        >>> schema = {"city": str, "days": Field(int, default_value=7)}
        >>> load = solid(name="load", config_schema=schema)(lambda context: None)
        >>> loads = pipeline(name="loads")(lambda: load())
        >>> validate_run_config(loads, {"solids": {"load": {"config": {"city": "Oslo"}}}})["solids"]["load"]["config"]
        {'city': 'Oslo', 'days': 7}
    """
    complete = complete_mode(checked_pipeline(pipeline_def).get_mode_definition(mode), default_executors)
    return build_environment(pipeline_def, complete, run_config).as_run_config()


def _execute(
    pipeline: PipelineDefinition,
    asked: RunSpec | PipelineRun,
    instance: DagsterInstance,
    raise_on_error: bool,
    on_event: Callable[[DagsterEvent], None] | None,
) -> PipelineExecutionResult:
    if not isinstance(instance, DagsterInstance):
        raise DagsterInvariantViolationError(
            f"Expected instance= to be a DagsterInstance, got {a_kind_of(instance)}; DagsterInstance.get() is "
            "the one in $DAGSTER_HOME."
        )
    with exits_fail():
        keys = known_keys(pipeline, asked, instance)
        prepared = prepare_run(checked_pipeline(pipeline), default_executors, asked, keys)
        return execute_prepared(prepared, instance, raise_on_error, on_event)


def known_keys(
    pipeline: PipelineDefinition, asked: RunSpec | PipelineRun, instance: DagsterInstance
) -> EarlierKeys | None:
    """The mapping keys that a stored run takes from the one that it executes again."""
    if isinstance(asked, PipelineRun) and asked.parent_run_id and asked.step_keys_to_execute is not None:
        parent = instance.get_run_by_id(asked.parent_run_id)
        return None if parent is None else read_earlier_run(instance, parent, pipeline).mapping_keys
    return None


def checked_pipeline(pipeline: PipelineDefinition) -> PipelineDefinition:
    """The pipeline; raises DagsterInvariantViolationError where it is something else."""
    if not isinstance(pipeline, PipelineDefinition):
        raise DagsterInvariantViolationError(
            f"Expected a pipeline, got {a_kind_of(pipeline)}. Decorate the function with @pipeline."
        )
    return pipeline
