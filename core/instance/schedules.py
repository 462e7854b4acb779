"""What an instance does with schedules and sensors."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from core.errors import DagsterInvariantViolationError
from core.instance.backfills import BackfillsOfInstance
from core.records.external_jobs import ExternalSchedule, ExternalSensor
from core.records.job import (
    JobState,
    JobStatus,
    JobTick,
    JobTickData,
    JobTickStatsSnapshot,
    JobTickStatus,
    JobType,
    SensorJobData,
)
from core.records.snapshots import RepositorySnapshot
from core.scheduler import Scheduler


class SchedulerDebugInfo(msgspec.Struct, frozen=True):
    """What is known where somebody looks for a fault.

    Attributes:
        errors: what is wrong, a sentence each.
        scheduler_config_info: which scheduler it is.
        scheduler_info: what the scheduler says of itself.
        schedule_storage: the states of schedules, a line each.
    """

    errors: tuple[str, ...]
    scheduler_config_info: str
    scheduler_info: str
    schedule_storage: tuple[str, ...]


class SchedulesOfInstance(BackfillsOfInstance):
    """Schedules and sensors, turned on and off; their states and ticks."""

    scheduler: Scheduler | None

    def _scheduler(self) -> Scheduler:
        if self.scheduler is None:
            raise DagsterInvariantViolationError("This instance was made without a scheduler; give it one.")
        return self.scheduler

    def start_schedule_and_update_storage_state(self, external_schedule: ExternalSchedule) -> JobState:
        """Turns a schedule on; see `Scheduler.start_schedule_and_update_storage_state`."""
        return self._scheduler().start_schedule_and_update_storage_state(self, external_schedule)

    def stop_schedule_and_update_storage_state(self, schedule_origin_id: str) -> JobState:
        """Turns a schedule off; see `Scheduler.stop_schedule_and_update_storage_state`."""
        return self._scheduler().stop_schedule_and_update_storage_state(self, schedule_origin_id)

    def stop_schedule_and_delete_from_storage(self, schedule_origin_id: str) -> None:
        """Turns a schedule off and forgets it; see `Scheduler.stop_schedule_and_delete_from_storage`."""
        self._scheduler().stop_schedule_and_delete_from_storage(self, schedule_origin_id)

    def reconcile_scheduler_state(self, external_repository: RepositorySnapshot) -> None:
        """Brings the states of schedules to what a repository defines; see `Scheduler.reconcile_scheduler_state`."""
        self._scheduler().reconcile_scheduler_state(self, external_repository)

    def running_schedule_count(self, schedule_origin_id: str) -> int:
        """How often a schedule would be started when it is due; 1 where it is on and all is well."""
        return self._scheduler().running_schedule_count(self, schedule_origin_id)

    def logs_path_for_schedule(self, schedule_origin_id: str) -> str:
        """The file to which what starts a schedule writes; see `Scheduler.get_logs_path`."""
        return self._scheduler().get_logs_path(self, schedule_origin_id)

    def wipe_all_schedules(self) -> None:
        """Turns every schedule and sensor off, and deletes their states and ticks, and backfills; runs stay."""
        if self.scheduler is not None:
            self.scheduler.wipe(self)
        self.schedules.wipe()

    def scheduler_debug_info(self) -> SchedulerDebugInfo:
        """What is known of the scheduler and of the states of schedules."""
        scheduler, errors, stored = self._scheduler(), [], []
        for state in self.all_stored_job_state(job_type=JobType.SCHEDULE):
            count = self.running_schedule_count(state.job_origin_id)
            stored.append(f"{state.job_name}: {state.status.value} ({state.job_origin_id})")
            wanted = int(state.status is JobStatus.RUNNING)
            if count != wanted:
                errors.append(
                    f"Schedule {state.job_name!r} is {state.status.value}, and the scheduler would start it {count} "
                    f"times instead of {wanted}; mend that with `cloudstore schedule up`."
                )
        config = f"{type(scheduler).__module__}.{type(scheduler).__name__}"
        return SchedulerDebugInfo(tuple(errors), config, scheduler.debug_info(), tuple(stored))

    def start_sensor(self, external_sensor: ExternalSensor) -> JobState:
        """Turns a sensor on. It goes on where it was when it was turned off.

        Returns:
            Its state.
        """
        interval = external_sensor.snapshot.minimum_interval_seconds

        def turned_on(state: JobState | None) -> JobState:
            data = state.job_specific_data if state is not None else None
            kept = data if isinstance(data, SensorJobData) else SensorJobData()
            data = msgspec.structs.replace(kept, min_interval=interval)
            return JobState(external_sensor.get_external_origin(), JobType.SENSOR, JobStatus.RUNNING, data)

        return self.change_job_state(external_sensor.get_external_origin_id(), turned_on)

    def stop_sensor(self, job_origin_id: str) -> JobState:
        """Turns a sensor off.

        Returns:
            Its state.

        Raises:
            DagsterInvariantViolationError: it has no state, since it was never turned on.
        """

        def turned_off(state: JobState | None) -> JobState:
            if state is None:
                raise DagsterInvariantViolationError(
                    f"There is no sensor with origin id {job_origin_id!r} that was ever turned on."
                )
            return state.with_status(JobStatus.STOPPED)

        return self.change_job_state(job_origin_id, turned_off)

    # States and ticks

    def all_stored_job_state(
        self, repository_origin_id: str | None = None, job_type: JobType | None = None
    ) -> list[JobState]:
        """The states of jobs; see `ScheduleStorage.all_stored_job_state`."""
        return self.schedules.all_stored_job_state(repository_origin_id, job_type)

    def get_job_state(self, job_origin_id: str) -> JobState | None:
        """The state of a job, or None."""
        return self.schedules.get_job_state(job_origin_id)

    def add_job_state(self, job_state: JobState) -> JobState:
        """Stores the state of a new job; see `ScheduleStorage.add_job_state`."""
        return self.schedules.add_job_state(job_state)

    def update_job_state(self, job_state: JobState) -> JobState:
        """Replaces the state of a job; see `ScheduleStorage.update_job_state`."""
        return self.schedules.update_job_state(job_state)

    def change_job_state(self, job_origin_id: str, change: Callable[[JobState | None], JobState]) -> JobState:
        """Changes the state of a job; see `ScheduleStorage.change_job_state`."""
        return self.schedules.change_job_state(job_origin_id, change)

    def delete_job_state(self, job_origin_id: str) -> None:
        """Deletes the state of a job; see `ScheduleStorage.delete_job_state`."""
        self.schedules.delete_job_state(job_origin_id)

    def get_job_ticks(
        self, job_origin_id: str, before: float | None = None, after: float | None = None, limit: int | None = None
    ) -> list[JobTick]:
        """Ticks of a job, newest first; see `ScheduleStorage.get_job_ticks`."""
        return self.schedules.get_job_ticks(job_origin_id, before, after, limit)

    def get_latest_job_tick(self, job_origin_id: str) -> JobTick | None:
        """The newest tick of a job, or None."""
        return self.schedules.get_latest_job_tick(job_origin_id)

    def create_job_tick(self, job_tick_data: JobTickData) -> JobTick:
        """Stores a tick; see `ScheduleStorage.create_job_tick`."""
        return self.schedules.create_job_tick(job_tick_data)

    def update_job_tick(self, tick: JobTick) -> JobTick:
        """Replaces a tick; see `ScheduleStorage.update_job_tick`."""
        return self.schedules.update_job_tick(tick)

    def get_job_tick_stats(self, job_origin_id: str) -> JobTickStatsSnapshot:
        """How many ticks of a job are stored, by status."""
        return self.schedules.get_job_tick_stats(job_origin_id)

    def purge_job_ticks(self, job_origin_id: str, tick_status: JobTickStatus, before: float) -> None:
        """Deletes ticks of a job; see `ScheduleStorage.purge_job_ticks`."""
        self.schedules.purge_job_ticks(job_origin_id, tick_status, before)
