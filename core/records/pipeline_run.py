"""The record of one run."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from core.config import not_recordable, raise_faults
from core.errors import DagsterInvariantViolationError
from core.events.event_types import DagsterEventType
from core.records.origin import ExternalPipelineOrigin
from core.records.tags import PARENT_RUN_ID_TAG, ROOT_RUN_ID_TAG
from core.serdes import from_json, to_json


class PipelineRunStatus(Enum):
    """The stage of its life that a run is in.

    Example:
        >>> from core import DagsterInstance, PipelineRunsFilter, PipelineRunStatus
        >>> with DagsterInstance.ephemeral() as instance:
        ...     waiting = instance.create_run("count")
        ...     instance.get_runs_count(PipelineRunsFilter(statuses=[PipelineRunStatus.NOT_STARTED]))
        1
    """

    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    QUEUED = "QUEUED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


IN_PROGRESS_STATUSES = frozenset(
    {
        PipelineRunStatus.MANAGED,
        PipelineRunStatus.QUEUED,
        PipelineRunStatus.STARTING,
        PipelineRunStatus.STARTED,
        PipelineRunStatus.CANCELING,
    }
)
CLAIMED_STATUSES = frozenset({PipelineRunStatus.STARTING, PipelineRunStatus.STARTED, PipelineRunStatus.CANCELING})
"""In which a process answers for the run; and which count where the number of runs in progress is limited."""

NOT_BEGUN_STATUSES = frozenset({PipelineRunStatus.NOT_STARTED, PipelineRunStatus.QUEUED, PipelineRunStatus.STARTING})
FINISHED_STATUSES = frozenset({PipelineRunStatus.SUCCESS, PipelineRunStatus.FAILURE, PipelineRunStatus.CANCELED})
UNFINISHED_STATUSES = frozenset(PipelineRunStatus) - FINISHED_STATUSES

STATUS_AFTER_EVENT = {
    DagsterEventType.PIPELINE_ENQUEUED.value: PipelineRunStatus.QUEUED,
    DagsterEventType.PIPELINE_STARTING.value: PipelineRunStatus.STARTING,
    DagsterEventType.PIPELINE_START.value: PipelineRunStatus.STARTED,
    DagsterEventType.PIPELINE_SUCCESS.value: PipelineRunStatus.SUCCESS,
    DagsterEventType.PIPELINE_FAILURE.value: PipelineRunStatus.FAILURE,
    DagsterEventType.PIPELINE_CANCELING.value: PipelineRunStatus.CANCELING,
    DagsterEventType.PIPELINE_CANCELED.value: PipelineRunStatus.CANCELED,
}


def make_new_run_id() -> str:
    """A new, unique run id."""
    return str(uuid.uuid4())


def check_tags(tags: Mapping[str, str]) -> None:
    """Raises DagsterInvariantViolationError if the key or value of a tag is not text."""
    for key, value in tags.items():
        _check_text("tag key", key)
        _check_text(f"tag {key!r}", value)


def check_recordable(run: PipelineRun) -> None:
    """Raises DagsterInvalidConfigError if a run's config would not come back from a storage as it is."""
    raise_faults(list(not_recordable(run.run_config)), run.run_config, f"config of run {run.run_id!r}")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise DagsterInvariantViolationError(f"The {name} of a run must be text; it is {value!r}.")


class PipelineRun(msgspec.Struct, frozen=True):
    """One execution of a pipeline, as a RunStorage keeps it.

    Attributes:
        pipeline_name: the pipeline.
        run_id: unique.
        run_config: as the user gave it; `{env: NAME}` is not read into it.
        mode: the mode's name.
        solid_selection: the selection as the user wrote it.
        solids_to_execute: the solids it came to.
        step_keys_to_execute: the steps of a partial re-execution.
        status: the stage of its life that it is in.
        tags: string to string.
        root_run_id: the first run of a chain of re-executions.
        parent_run_id: the run that this one re-executes.
        pipeline_snapshot_id: reserved.
        execution_plan_snapshot_id: reserved.
        external_pipeline_origin: where the pipeline's code is, for launching it elsewhere.

    Raises:
        DagsterInvariantViolationError: a name or a tag is not text, or the origin is something else.

    Example:
        >>> from core import DagsterInstance, PipelineRun, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> with DagsterInstance.ephemeral() as instance:
        ...     result = execute_pipeline(pipeline(name="count")(lambda: one()), instance=instance, tags={"team": "a"})
        ...     run: PipelineRun = instance.get_run_by_id(result.run_id)
        >>> run.pipeline_name, run.status.value, run.is_success, run.tags["team"]
        ('count', 'SUCCESS', True, 'a')
    """

    pipeline_name: str = ""
    run_id: str = msgspec.field(default_factory=make_new_run_id)
    run_config: dict[str, Any] = {}  # msgspec copies the default for each record
    mode: str = "default"
    solid_selection: list[str] | None = None
    solids_to_execute: frozenset[str] | None = None
    step_keys_to_execute: list[str] | None = None
    status: PipelineRunStatus = PipelineRunStatus.NOT_STARTED
    tags: dict[str, str] = {}
    root_run_id: str | None = None
    parent_run_id: str | None = None
    pipeline_snapshot_id: str | None = None
    execution_plan_snapshot_id: str | None = None
    external_pipeline_origin: ExternalPipelineOrigin | None = None

    def __post_init__(self) -> None:
        for name, value in (("pipeline_name", self.pipeline_name), ("run_id", self.run_id), ("mode", self.mode)):
            _check_text(name, value)
        check_tags(self.tags)
        origin = self.external_pipeline_origin
        if not isinstance(origin, ExternalPipelineOrigin | None):
            raise DagsterInvariantViolationError(
                "external_pipeline_origin of a run must be an ExternalPipelineOrigin or None; "
                f"it is of type {type(origin).__name__}."
            )

    def __repr__(self) -> str:  # without the config, in which users may have written a secret
        return (
            f"PipelineRun(run_id={self.run_id!r}, pipeline_name={self.pipeline_name!r}, mode={self.mode!r}, "
            f"status={self.status}, tags={self.tags!r})"
        )

    @property
    def is_finished(self) -> bool:
        """bool: whether it has ended."""
        return self.status in FINISHED_STATUSES

    @property
    def is_success(self) -> bool:
        """bool: whether it succeeded."""
        return self.status is PipelineRunStatus.SUCCESS

    @property
    def is_failure(self) -> bool:
        """bool: whether it failed."""
        return self.status is PipelineRunStatus.FAILURE

    def with_status(self, status: PipelineRunStatus) -> PipelineRun:
        """The same run in another status."""
        return msgspec.structs.replace(self, status=status)

    def with_tags(self, tags: dict[str, str]) -> PipelineRun:
        """The same run with exactly these tags."""
        return msgspec.structs.replace(self, tags=tags)


def run_from_json(text: str) -> PipelineRun:
    """The run that `to_json` wrote, in this release or another.

    Until 0.2 the origin could be anything, and nothing read it. One that this release does not know is left out.

    Raises:
        msgspec.ValidationError, msgspec.DecodeError: the text is not a run.
    """
    try:
        return from_json(PipelineRun, text)
    except (msgspec.ValidationError, DagsterInvariantViolationError):
        fields = from_json(dict[str, Any], text)
        fields["external_pipeline_origin"] = None
        return from_json(PipelineRun, to_json(fields))


class RunRecord(msgspec.Struct, frozen=True):
    """A run, with what its storage adds to it.

    Attributes:
        storage_id: grows with each run that is added.
        pipeline_run: the run.
        create_timestamp: when it was added.
        update_timestamp: when its status last changed.
    """

    storage_id: int
    pipeline_run: PipelineRun
    create_timestamp: datetime
    update_timestamp: datetime


_FILTERED_BY_TEXT = ("pipeline_name", "mode", "root_run_id", "parent_run_id", "run_id_prefix")
_FILTERED_BY_TIME = ("created_after", "created_before", "updated_after", "updated_before")


def _check_filter(name: str, given: object, kind: type, described: str) -> None:
    if given is not None and not isinstance(given, kind):
        raise DagsterInvariantViolationError(f"{name} of a PipelineRunsFilter must be {described}; it is {given!r}.")


def _check_any_of(name: str, given: object, kind: type) -> None:
    """A text is a collection of letters, and none of them is a run."""
    if given is None:
        return
    if isinstance(given, str) or not isinstance(given, Collection) or not all(isinstance(each, kind) for each in given):
        raise DagsterInvariantViolationError(
            f"{name} of a PipelineRunsFilter must be a tuple or list of {kind.__name__}; it is {given!r}."
        )


class PipelineRunsFilter(msgspec.Struct, frozen=True):
    """Which runs: those that meet every given condition. Times have a timezone and are exclusive.

    Attributes:
        run_ids: the run is one of these.
        pipeline_name: it is a run of this pipeline.
        statuses: it is in one of these.
        tags: it has all of these.
        mode: it is in this mode.
        created_after: it was added later.
        created_before: it was added earlier.
        updated_after: its status last changed later.
        updated_before: its status last changed earlier.
        root_run_id: it re-executes this run, directly or through others.
        parent_run_id: it re-executes this run directly.
        run_id_prefix: its id begins with this.

    Raises:
        DagsterInvariantViolationError: a time has no timezone, or what is given is of another type.

    Example:
        >>> from datetime import UTC, datetime
        >>> from core import DagsterInstance, PipelineRunsFilter
        >>> with DagsterInstance.ephemeral() as instance:
        ...     run = instance.create_run("count", tags={"team": "a"})
        ...     wanted = PipelineRunsFilter(tags={"team": "a"}, created_after=datetime(2021, 5, 1, tzinfo=UTC))
        ...     instance.get_runs(wanted) == [run]
        True
    """

    run_ids: tuple[str, ...] | None = None
    pipeline_name: str | None = None
    statuses: tuple[PipelineRunStatus, ...] | None = None
    tags: dict[str, str] | None = None
    mode: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    root_run_id: str | None = None
    parent_run_id: str | None = None
    run_id_prefix: str | None = None

    def __post_init__(self) -> None:
        for name in _FILTERED_BY_TEXT:
            _check_filter(name, getattr(self, name), str, "a text")
        for name in _FILTERED_BY_TIME:
            given = getattr(self, name)
            _check_filter(name, given, datetime, "a datetime with a timezone")
            if given is not None and given.tzinfo is None:
                raise DagsterInvariantViolationError(
                    f"{name} has no timezone: {given!r}; write datetime(..., tzinfo=timezone.utc)."
                )
        _check_filter("tags", self.tags, Mapping, "a dict of texts")
        check_tags(self.tags or {})
        _check_any_of("run_ids", self.run_ids, str)
        _check_any_of("statuses", self.statuses, PipelineRunStatus)

    def matches(self, record: RunRecord) -> bool:
        """Whether a run meets the conditions."""
        run, created, updated = record.pipeline_run, record.create_timestamp, record.update_timestamp
        return (
            (self.run_ids is None or run.run_id in self.run_ids)
            and (self.pipeline_name is None or run.pipeline_name == self.pipeline_name)
            and (self.statuses is None or run.status in self.statuses)
            and all(run.tags.get(key) == value for key, value in (self.tags or {}).items())
            and (self.mode is None or run.mode == self.mode)
            and (self.created_after is None or created > self.created_after)
            and (self.created_before is None or created < self.created_before)
            and (self.updated_after is None or updated > self.updated_after)
            and (self.updated_before is None or updated < self.updated_before)
            and (self.root_run_id is None or run.root_run_id == self.root_run_id)
            and (self.parent_run_id is None or run.parent_run_id == self.parent_run_id)
            and (self.run_id_prefix is None or run.run_id.startswith(self.run_id_prefix))
        )


def lineage_tags(root_run_id: str, parent_run_id: str) -> dict[str, str]:
    """The tags by which a re-execution is found."""
    return {ROOT_RUN_ID_TAG: root_run_id, PARENT_RUN_ID_TAG: parent_run_id}
