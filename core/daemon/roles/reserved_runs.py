"""From what an evaluation asks for to runs that are submitted: each once, whenever a process is killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.errors import DagsterRunAlreadyExists, DagsterStorageError
from core.instance import DagsterInstance
from core.records.job import JobTick, JobTickStatus
from core.records.pipeline_run import PipelineRunStatus, make_new_run_id
from core.records.reserved_run import ReservedRun
from core.records.snapshots import LocatedPipeline, RepositorySnapshot, ScheduleSnapshot, SensorSnapshot
from core.schedules.requests import RunRequest
from core.serdes import error_info


def reserve(
    requests: Iterable[RunRequest],
    repository: RepositorySnapshot,
    asked_by: ScheduleSnapshot | SensorSnapshot,
    target: str,
    more_tags: Mapping[str, str],
) -> list[ReservedRun]:
    """The runs that are asked for, with ids.

    Args:
        requests: of an evaluation.
        repository: where it was made.
        asked_by: the schedule or sensor.
        target: the pipeline of requests that name none.
        more_tags: of each run.

    Raises:
        DagsterInvariantViolationError: the repository has no such pipeline.
    """
    reserved = []
    for request in requests:
        pipeline = repository.pipeline(request.job_name or target)
        origin = repository.external_pipeline(pipeline.name).origin
        tags = {**pipeline.tags, **request.tags, **more_tags}
        config = dict(request.run_config)
        selection = asked_by.solid_selection
        reserved.append(ReservedRun(make_new_run_id(), origin, request.run_key, config, tags, asked_by.mode, selection))
    return reserved


def create_and_submit(instance: DagsterInstance, reserved: Sequence[ReservedRun]) -> Exception | None:
    """Stores and submits runs that are reserved; those that were stored or submitted before are left as they are.

    Returns:
        The first error of a run that could not be submitted, if there is one; the others were, all the same.

    Raises:
        DagsterStorageError: a database cannot be used; the rest is to be done again.
    """
    first_error: Exception | None = None
    for run in reserved:
        try:
            create_and_submit_one(instance, run)
        except DagsterStorageError:
            raise
        except Exception as error:  # noqa: BLE001  of the coordinator: the tick says it
            first_error = first_error or error
    return first_error


def create_and_submit_one(
    instance: DagsterInstance,
    run: ReservedRun,
    parent_run_id: str | None = None,
    root_run_id: str | None = None,
    step_keys: Sequence[str] | None = None,
) -> None:
    """Stores and submits a run; see `create_and_submit`."""
    try:
        stored = instance.create_run(
            run.origin.pipeline_name,
            run.run_id,
            run.run_config,
            run.mode,
            tags=run.tags,
            solid_selection=run.solid_selection,
            external_pipeline_origin=run.origin,
            parent_run_id=parent_run_id,
            root_run_id=root_run_id,
            step_keys_to_execute=step_keys,
        )
    except DagsterRunAlreadyExists:
        found = instance.get_run_by_id(run.run_id)
        if found is None:  # somebody deleted it at this moment
            return
        stored = found
    if stored.status is not PipelineRunStatus.NOT_STARTED:
        return
    try:
        instance.submit_run(stored.run_id, LocatedPipeline(run.origin))
    except Exception:
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status is PipelineRunStatus.NOT_STARTED:
            raise  # else another daemon, which had taken the role over, was faster


def finish(instance: DagsterInstance, tick: JobTick) -> None:
    """Creates and submits the runs that a tick has reserved, and says in it how that went.

    Raises:
        DagsterStorageError: as `create_and_submit`; the tick stays STARTED, and can be finished later.
    """
    reserved = tick.reserved or []
    error = create_and_submit(instance, reserved)
    ended = tick.job_tick_data
    ended = msgspec.structs.replace(
        ended,
        run_ids=[run.run_id for run in reserved],
        run_keys=[run.run_key for run in reserved if run.run_key],
    )
    if error is not None:
        ended = ended.with_status(JobTickStatus.FAILURE, error_info(error))
    else:
        ended = ended.with_status(JobTickStatus.SUCCESS)
    instance.schedules.replace_job_tick(tick, JobTick(tick.tick_id, ended))
