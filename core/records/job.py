"""The records of schedules and sensors, which are both called jobs, and of their ticks.

The names and fields are those of Dagster 0.11 (there in `dagster.core.scheduler.job`).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from core.errors import DagsterInvariantViolationError
from core.records.origin import JobOrigin
from core.records.reserved_run import ReservedRun
from core.serdes import SerializableErrorInfo

_YEAR_10000 = 253_402_300_800  # in Unix seconds

TickCursor: TypeAlias = tuple[float, int]


def check_unix_seconds(value: float, name: str) -> None:
    """Refuses times that would be stored or compared wrongly: NaN, infinity, a datetime, milliseconds.

    Raises:
        DagsterInvariantViolationError: it is not a Unix time in seconds before the year 10000.
    """
    if not isinstance(value, int | float) or not abs(value) < _YEAR_10000:
        raise DagsterInvariantViolationError(
            f"{name} is {value!r}; give a Unix time in seconds, as time.time() and datetime.timestamp() return it."
        )


class JobType(Enum):
    """What kind of job."""

    SCHEDULE = "SCHEDULE"
    SENSOR = "SENSOR"


class JobStatus(Enum):
    """Whether a job is turned on."""

    RUNNING = "RUNNING"
    STOPPED = "STOPPED"


class JobTickStatus(Enum):
    """The result of a tick."""

    STARTED = "STARTED"
    SKIPPED = "SKIPPED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class ScheduleJobData(msgspec.Struct, frozen=True, tag=True):
    """The part of a job's state that only schedules have.

    Attributes:
        cron_schedule: when it ticks, as a cron expression.
        start_timestamp: when it was turned on; Unix time in seconds.
        scheduler: the class name of the scheduler that runs it.
        execution_timezone: whose clocks `cron_schedule` counts by; None for UTC.
        last_timestamp: the last instant at which it was due that has a tick, or was passed over; Unix time in seconds.
            Never earlier than when it was turned on.
    """

    cron_schedule: str
    start_timestamp: float | None = None
    scheduler: str | None = None
    execution_timezone: str | None = None
    last_timestamp: float | None = None

    def __post_init__(self) -> None:
        for name in ("start_timestamp", "last_timestamp"):
            value = getattr(self, name)
            if value is not None:
                check_unix_seconds(value, name)


class SensorJobData(msgspec.Struct, frozen=True, tag=True):
    """The part of a job's state that only sensors have.

    Attributes:
        last_tick_timestamp: when it last ticked; Unix time in seconds.
        last_run_key: the key of the last run it asked for.
        cursor: how far it has looked, in a form of its own.
        min_interval: between two evaluations, at least; in seconds.
    """

    last_tick_timestamp: float | None = None
    last_run_key: str | None = None
    cursor: str | None = None
    min_interval: float | None = None

    def __post_init__(self) -> None:
        if self.last_tick_timestamp is not None:
            check_unix_seconds(self.last_tick_timestamp, "last_tick_timestamp")


JobSpecificData: TypeAlias = ScheduleJobData | SensorJobData


class JobState(msgspec.Struct, frozen=True):
    """Whether a schedule or sensor is turned on, and its progress.

    Attributes:
        origin: the job.
        job_type: a schedule or a sensor.
        status: whether it is turned on.
        job_specific_data: ScheduleJobData for a schedule; SensorJobData or None for a sensor.

    Raises:
        DagsterInvariantViolationError: `job_specific_data` does not fit the type of the job.
    """

    origin: JobOrigin
    job_type: JobType
    status: JobStatus
    job_specific_data: JobSpecificData | None = None

    def __post_init__(self) -> None:
        is_schedule = self.job_type is JobType.SCHEDULE
        allowed = ScheduleJobData if is_schedule else (SensorJobData, type(None))
        if not isinstance(self.job_specific_data, allowed):
            raise DagsterInvariantViolationError(
                f"The state of {self.job_type.value.lower()} {self.job_name!r} holds "
                f"{type(self.job_specific_data).__name__} as job_specific_data; "
                f"give {'ScheduleJobData' if is_schedule else 'SensorJobData or None'}."
            )

    @property
    def job_name(self) -> str:
        """str: the name of the schedule or sensor."""
        return self.origin.job_name

    @property
    def repository_origin_id(self) -> str:
        """str: the repository it is in."""
        return self.origin.repository_origin_id

    @property
    def job_origin_id(self) -> str:
        """str: the id of its origin, unique to the job."""
        return self.origin.get_id()

    def with_status(self, status: JobStatus) -> JobState:
        """The same job turned on or off."""
        return msgspec.structs.replace(self, status=status)

    def with_data(self, job_specific_data: JobSpecificData | None) -> JobState:
        """The same job with other data of its type."""
        return msgspec.structs.replace(self, job_specific_data=job_specific_data)


class JobTickData(msgspec.Struct, frozen=True):
    """One evaluation of a schedule or sensor, without the id that a storage gives it.

    Attributes:
        job_origin_id: the job, by the id of its origin.
        job_name: the name of the job, for people.
        job_type: a schedule or a sensor.
        status: its result.
        timestamp: when it was due, or began; Unix time in seconds.
        run_ids: the runs it created.
        run_keys: the keys of those runs that have one.
        error: the error; given if and only if the status is FAILURE.
        skip_reason: why it created no run; only if the status is SKIPPED.
        cursor: how far a sensor had looked when it ended.
        origin_run_ids: the runs that it was about, of sensors that look at runs.
        reserved: the runs that it is about to create; only if the status is STARTED, and None before it is known.

    Raises:
        DagsterInvariantViolationError: `error` or `skip_reason` does not fit the status, or the time is not Unix time.
    """

    job_origin_id: str
    job_name: str
    job_type: JobType
    status: JobTickStatus
    timestamp: float
    run_ids: list[str] = []  # msgspec copies the default for each record
    run_keys: list[str] = []
    error: SerializableErrorInfo | None = None
    skip_reason: str | None = None
    cursor: str | None = None
    origin_run_ids: list[str] = []
    reserved: list[ReservedRun] | None = None

    def __post_init__(self) -> None:
        check_unix_seconds(self.timestamp, "The timestamp of a tick")
        tick = f"A tick of {self.job_name!r} with status {self.status.value}"
        if self.status is JobTickStatus.FAILURE and self.error is None:
            raise DagsterInvariantViolationError(f"{tick} has no error; give the one it failed with.")
        if self.status is not JobTickStatus.FAILURE and self.error is not None:
            raise DagsterInvariantViolationError(f"{tick} has an error; only those with status FAILURE do.")
        if self.status is not JobTickStatus.SKIPPED and self.skip_reason is not None:
            raise DagsterInvariantViolationError(f"{tick} has a skip_reason; only those with status SKIPPED do.")

    def with_status(
        self, status: JobTickStatus, error: SerializableErrorInfo | None = None, timestamp: float | None = None
    ) -> JobTickData:
        """The same tick in another status.

        Args:
            status: the new status. The previous error or skip reason is left out if it does not fit.
            error: the error it failed with; None keeps the previous one.
            timestamp: a new Unix time in seconds; None keeps the previous one.
        """
        kept_error = self.error if status is JobTickStatus.FAILURE else None
        return msgspec.structs.replace(
            self,
            status=status,
            timestamp=self.timestamp if timestamp is None else timestamp,
            error=kept_error if error is None else error,
            skip_reason=self.skip_reason if status is JobTickStatus.SKIPPED else None,
            reserved=self.reserved if status is JobTickStatus.STARTED else None,
        )

    def with_run(self, run_id: str, run_key: str | None = None) -> JobTickData:
        """The same tick with one more run, and with the key of the run if it has one."""
        run_keys = [*self.run_keys, run_key] if run_key else self.run_keys
        return msgspec.structs.replace(self, run_ids=[*self.run_ids, run_id], run_keys=run_keys)

    def with_reason(self, skip_reason: str | None) -> JobTickData:
        """The same skipped tick with a reason."""
        return msgspec.structs.replace(self, skip_reason=skip_reason)

    def with_reserved(self, reserved: Sequence[ReservedRun]) -> JobTickData:
        """The same tick when it is known which runs it will create."""
        return msgspec.structs.replace(self, reserved=list(reserved))


class JobTick(msgspec.Struct, frozen=True):
    """A stored tick.

    Attributes:
        tick_id: given by the storage; grows with each tick that is created, and is never used again.
        job_tick_data: everything else. Its fields are properties here, and its `with_` methods are methods here.
    """

    tick_id: int
    job_tick_data: JobTickData

    @property
    def cursor(self) -> TickCursor:
        """tuple[float, int]: (timestamp, tick_id), its place in the order of its job's ticks."""
        return self.timestamp, self.tick_id

    @property
    def job_origin_id(self) -> str:
        """str: the job, by the id of its origin."""
        return self.job_tick_data.job_origin_id

    @property
    def job_name(self) -> str:
        """str: the job's name, for people."""
        return self.job_tick_data.job_name

    @property
    def job_type(self) -> JobType:
        """JobType: a schedule or a sensor."""
        return self.job_tick_data.job_type

    @property
    def status(self) -> JobTickStatus:
        """JobTickStatus: its result."""
        return self.job_tick_data.status

    @property
    def timestamp(self) -> float:
        """float: when it was due, or began; Unix time in seconds."""
        return self.job_tick_data.timestamp

    @property
    def run_ids(self) -> list[str]:
        """list[str]: the runs it created."""
        return self.job_tick_data.run_ids

    @property
    def run_keys(self) -> list[str]:
        """list[str]: the keys of those runs that have one."""
        return self.job_tick_data.run_keys

    @property
    def error(self) -> SerializableErrorInfo | None:
        """SerializableErrorInfo | None: the error, if it failed."""
        return self.job_tick_data.error

    @property
    def skip_reason(self) -> str | None:
        """str | None: why it created no run."""
        return self.job_tick_data.skip_reason

    @property
    def reserved(self) -> list[ReservedRun] | None:
        """list[ReservedRun] | None: the runs that it is about to create; None before it is known."""
        return self.job_tick_data.reserved

    def with_status(
        self, status: JobTickStatus, error: SerializableErrorInfo | None = None, timestamp: float | None = None
    ) -> JobTick:
        """See `JobTickData.with_status`."""
        return msgspec.structs.replace(self, job_tick_data=self.job_tick_data.with_status(status, error, timestamp))

    def with_run(self, run_id: str, run_key: str | None = None) -> JobTick:
        """See `JobTickData.with_run`."""
        return msgspec.structs.replace(self, job_tick_data=self.job_tick_data.with_run(run_id, run_key))

    def with_reason(self, skip_reason: str | None) -> JobTick:
        """See `JobTickData.with_reason`."""
        return msgspec.structs.replace(self, job_tick_data=self.job_tick_data.with_reason(skip_reason))

    def with_reserved(self, reserved: Sequence[ReservedRun]) -> JobTick:
        """See `JobTickData.with_reserved`."""
        return msgspec.structs.replace(self, job_tick_data=self.job_tick_data.with_reserved(reserved))


class JobTickStatsSnapshot(msgspec.Struct, frozen=True):
    """The number of ticks of a job in each status.

    Attributes:
        ticks_started: STARTED.
        ticks_succeeded: SUCCESS.
        ticks_skipped: SKIPPED.
        ticks_failed: FAILURE.
    """

    ticks_started: int
    ticks_succeeded: int
    ticks_skipped: int
    ticks_failed: int
