"""What a scheduler does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from core.errors import DagsterInvariantViolationError
from core.records.external_jobs import ExternalSchedule, external_schedules
from core.records.job import JobState, JobStatus, JobType, ScheduleJobData
from core.records.snapshots import RepositorySnapshot


class Scheduler(ABC):
    """Has the schedules of an instance that are turned on started when they are due, by cron or by a daemon, say.

    What is turned on, and how far each schedule has come, is kept by the schedule storage of the instance; a scheduler
    only adds what something outside needs, such as a line of a crontab. `instance` is the DagsterInstance.

    Example:
        >>> from core.scheduler import Scheduler
        >>> class ByHand(Scheduler):
        ...     def debug_info(self):
        ...         return "Somebody starts the runs."
        >>> ByHand().debug_info()
        'Somebody starts the runs.'
    """

    @abstractmethod
    def debug_info(self) -> str:
        """What it knows of its state, as text for the person who looks for a fault."""

    def start_schedule(self, instance: Any, external_schedule: ExternalSchedule) -> None:  # noqa: B027
        """Sees to it that a schedule is started when it is due. Done twice, it is the same as once.

        Raises:
            DagsterSchedulerError: this scheduler cannot start it.
        """

    def stop_schedule(self, instance: Any, schedule_origin_id: str) -> None:  # noqa: B027
        """Undoes `start_schedule`; it is not an error if there is nothing to undo."""

    def running_schedule_count(self, instance: Any, schedule_origin_id: str) -> int:
        """How often a schedule would be started when it is due: 1 where it is turned on, if all is well."""
        state = instance.get_job_state(schedule_origin_id)
        return int(state is not None and state.status is JobStatus.RUNNING)

    def wipe(self, instance: Any) -> None:  # noqa: B027
        """Undoes `start_schedule` for all schedules."""

    def get_logs_path(self, instance: Any, schedule_origin_id: str) -> str:
        """The file to which what starts a schedule writes.

        Raises:
            DagsterInvariantViolationError: this scheduler writes none.
        """
        raise DagsterInvariantViolationError(
            f"{type(self).__name__} keeps no logs of its own; see the ticks with `cloudstore schedule logs NAME`."
        )

    # Turned on and off

    def start_schedule_and_update_storage_state(self, instance: Any, external_schedule: ExternalSchedule) -> JobState:
        """Turns a schedule on. It is due from now on; one that is on, and has not been edited, goes on as it does.

        Returns:
            Its state.

        Raises:
            DagsterSchedulerError: this scheduler cannot start it; it stays off.
        """
        self.start_schedule(instance, external_schedule)
        now: float = instance.schedule_storage.now()

        def turned_on(state: JobState | None) -> JobState:
            is_on = state is not None and state.status is JobStatus.RUNNING
            if state is not None and is_on and is_as_defined(state, external_schedule):
                return state
            return self._state(external_schedule, JobStatus.RUNNING, now)

        state: JobState = instance.schedule_storage.change_job_state(
            external_schedule.get_external_origin_id(), turned_on
        )
        return state

    def stop_schedule_and_update_storage_state(self, instance: Any, schedule_origin_id: str) -> JobState:
        """Turns a schedule off.

        Returns:
            Its state.

        Raises:
            DagsterInvariantViolationError: it has no state, since it was never turned on.
        """
        state: JobState = instance.schedule_storage.change_job_state(
            schedule_origin_id, lambda state: _there(state, schedule_origin_id).with_status(JobStatus.STOPPED)
        )
        self.stop_schedule(instance, schedule_origin_id)
        return state

    def stop_schedule_and_delete_from_storage(self, instance: Any, schedule_origin_id: str) -> None:
        """Turns a schedule off and forgets it; its ticks stay.

        Raises:
            DagsterInvariantViolationError: it has no state.
        """
        instance.schedule_storage.delete_job_state(schedule_origin_id)
        self.stop_schedule(instance, schedule_origin_id)

    def refresh_schedule(self, instance: Any, external_schedule: ExternalSchedule) -> None:
        """Turns a schedule that is on off and on again, so that what is outside is as it is defined now."""
        self.stop_schedule(instance, external_schedule.get_external_origin_id())
        self.start_schedule_and_update_storage_state(instance, external_schedule)

    def reconcile_scheduler_state(self, instance: Any, external_repository: RepositorySnapshot) -> None:
        """Brings the states of the schedules of a repository to what it defines now.

        New ones are off; those that are on stay on, an edited one from now on; those that are gone are turned off and
        forgotten.

        Raises:
            DagsterSchedulerError: this scheduler cannot start one that is on.
        """
        defined = {each.get_external_origin_id(): each for each in external_schedules(external_repository)}
        repository = external_repository.origin.get_id()
        known = {state.job_origin_id: state for state in instance.all_stored_job_state(repository, JobType.SCHEDULE)}
        for schedule_origin_id in known.keys() - defined.keys():
            self.stop_schedule_and_delete_from_storage(instance, schedule_origin_id)
        for schedule_origin_id, schedule in defined.items():
            state = known.get(schedule_origin_id)
            if state is not None and state.status is JobStatus.RUNNING:
                self.refresh_schedule(instance, schedule)
            elif state is None or not is_as_defined(state, schedule):
                instance.schedule_storage.change_job_state(
                    schedule_origin_id, lambda state, schedule=schedule: self._still(state, schedule)
                )

    def _still(self, state: JobState | None, schedule: ExternalSchedule) -> JobState:
        if state is not None and state.status is JobStatus.RUNNING:  # somebody turned it on at this moment
            return state
        return self._state(schedule, JobStatus.STOPPED, None)

    def _state(self, schedule: ExternalSchedule, status: JobStatus, since: float | None) -> JobState:
        snapshot, own_name = schedule.snapshot, type(self).__name__
        data = ScheduleJobData(snapshot.cron_schedule, since, own_name, snapshot.execution_timezone, since)
        return JobState(schedule.get_external_origin(), JobType.SCHEDULE, status, data)


def is_as_defined(state: JobState, schedule: ExternalSchedule) -> bool:
    """Whether a schedule still is due at the times by which its state counts."""
    data, snapshot = state.job_specific_data, schedule.snapshot
    return isinstance(data, ScheduleJobData) and (data.cron_schedule, data.execution_timezone) == (
        snapshot.cron_schedule,
        snapshot.execution_timezone,
    )


def _there(state: JobState | None, schedule_origin_id: str) -> JobState:
    if state is None:
        raise DagsterInvariantViolationError(
            f"There is no schedule with origin id {schedule_origin_id!r} that was ever turned on."
        )
    return state
