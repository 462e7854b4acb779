"""The role that starts runs when their schedules are due."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from core.code_servers import CodeLocation
from core.code_servers.locations import DEFAULT_DEADLINE_SECONDS
from core.daemon.roles.asking import AskingRole
from core.daemon.roles.due import Due
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.reserved_runs import finish, reserve
from core.daemon.roles.told_errors import info_of
from core.errors import DagsterUserCodeUnreachableError
from core.instance import DagsterInstance
from core.records.external_jobs import ExternalSchedule, external_schedules
from core.records.job import JobState, JobStatus, JobTick, JobTickData, JobTickStatus, JobType, ScheduleJobData
from core.records.job_move import JobMove
from core.records.snapshots import RepositorySnapshot
from core.records.tags import SCHEDULED_EXECUTION_TIME_TAG
from core.scheduler import DagsterDaemonScheduler
from core.scheduler.base import is_as_defined
from core.scheduler.daemon import DEFAULT_MAX_CATCHUP_RUNS

_LONGEST_SLEEP_SECONDS = 30.0  # a schedule that was turned on meanwhile is noticed then
_SLEEP_IN_FLIGHT_SECONDS = 1.0
_MOVED_AT_ONCE = 50


class KnownSchedule(NamedTuple):
    """A schedule, and where its code is asked."""

    location: CodeLocation
    repository: RepositorySnapshot
    schedule: ExternalSchedule


class SchedulerRole(AskingRole):
    """Ticks of schedules: a tick is stored as begun with the progress of its schedule, in one transaction; then the
    schedule is evaluated where its code is; then the runs that it asks for are stored in the tick, with ids; and then
    they are created and submitted, by these ids, and the tick ends. A tick that has begun and not ended is gone on with
    from where it was, by this daemon or the next one.

    Args:
        instance: as of `AskingRole`, and all others but the last one.
        only: the id of the origin of one schedule; all of them by default.
    """

    daemon_type = "SCHEDULER"

    def __init__(
        self,
        instance: DagsterInstance,
        code: KnownCode,
        now: Callable[[], float] | None = None,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        at_most: int = 64,
        only: str | None = None,
    ) -> None:
        super().__init__(instance, code, now, deadline_seconds, at_most)
        self._only = only
        self._due: dict[str, Due] = {}  # by the id of the schedule's origin
        self._not_before: dict[int, float] = {}  # ids of ticks whose code was not reachable
        scheduler = instance.scheduler if isinstance(instance.scheduler, DagsterDaemonScheduler) else None
        self._max_catchup_runs = DEFAULT_MAX_CATCHUP_RUNS if scheduler is None else max(1, scheduler.max_catchup_runs)

    def turn(self, claim: Any) -> float:
        """Does what is due, and returns in how many seconds it wants its next turn at the latest."""
        self._code.refresh()
        schedules = self._schedules()
        self._go_on(schedules)
        states = [
            state
            for state in self._storage.all_stored_job_state(job_type=JobType.SCHEDULE)
            if state.status is JobStatus.RUNNING and state.job_origin_id in schedules
        ]
        was_changed = self._begin(states, schedules)
        return 0.0 if was_changed else self._sleep(states)

    def _schedules(self) -> dict[str, KnownSchedule]:
        """Those that are known, by the id of their origin."""
        return {
            each.get_external_origin_id(): KnownSchedule(known.location, known.snapshot, each)
            for known in self._code.repositories()
            for each in external_schedules(known.snapshot)
            if self._only in (None, each.get_external_origin_id())
        }

    def _begin(self, states: Sequence[JobState], schedules: Mapping[str, KnownSchedule]) -> bool:
        """Begins the ticks that are due; says whether somebody changed one of the states meanwhile."""
        was_changed, begun = False, self._begun(states, schedules, self._now())
        while batch := list(islice(begun, _MOVED_AT_ONCE)):
            stored = self._storage.move_jobs([move for move, _ in batch])
            for (move, _), ticks in zip(batch, stored, strict=True):
                key = move.seen.job_origin_id
                was_changed |= ticks is None
                if ticks:
                    self.flights.start(key, partial(self._execute, ticks, schedules[key]))
            for (move, due), ticks in zip(batch, stored, strict=True):
                if ticks is not None and due is not None:
                    due.look_ahead(_data(move.moved))
                    self._due[move.seen.job_origin_id] = due
        return was_changed

    def _begun(
        self, states: Sequence[JobState], schedules: Mapping[str, KnownSchedule], now: float
    ) -> Iterator[tuple[JobMove, Due | None]]:
        """What is to be stored. Instants that were taken out are forgotten until they are."""
        for state in states:
            key, data, schedule = state.job_origin_id, _data(state), schedules[state.job_origin_id].schedule
            if key in self.flights:
                continue
            due = self._due.pop(key, None)
            if not is_as_defined(state, schedule):
                yield JobMove(state, state.with_data(_from_now_on(data, schedule, now))), None
                continue
            if due is None or due.data != data:
                due = Due(data)
            instants = due.take(now, self._max_catchup_runs if schedule.snapshot.partition_set is not None else 1)
            if not instants:
                self._due[key] = due
                continue
            ticks = (JobTickData(key, state.job_name, JobType.SCHEDULE, JobTickStatus.STARTED, at) for at in instants)
            yield JobMove(state, state.with_data(_moved(data, instants[-1])), tuple(ticks)), due

    def _sleep(self, states: Sequence[JobState]) -> float:
        now, longest = self._now(), _SLEEP_IN_FLIGHT_SECONDS if len(self.flights) else _LONGEST_SLEEP_SECONDS
        next_ = (self._due[state.job_origin_id].next_timestamp for state in states if state.job_origin_id in self._due)
        return max(0.0, min([longest, *(each - now for each in next_ if each is not None)]))

    def _go_on(self, schedules: Mapping[str, KnownSchedule]) -> None:
        """Goes on with ticks that a process began which is gone, or whose code could not be reached."""
        by_job: dict[str, list[JobTick]] = {}
        in_flight = self.flights.keys()  # asked for first: what ends meanwhile is not begun again
        for tick in self._storage.get_started_ticks():
            is_waiting = self._not_before.get(tick.tick_id, 0.0) > self._now()
            is_ours = tick.job_type is JobType.SCHEDULE and self._only in (None, tick.job_origin_id)
            if is_ours and tick.job_origin_id not in in_flight and not is_waiting:
                by_job.setdefault(tick.job_origin_id, []).append(tick)
        for key, ticks in by_job.items():
            known = schedules.get(key)
            ready = [tick for tick in ticks if known is not None or tick.reserved is not None]
            if ready:
                self.flights.start(key, partial(self._execute, ready, known))

    def _execute(self, ticks: Sequence[JobTick], schedule: KnownSchedule | None) -> None:
        for tick in ticks:
            reserved = self._reserved(tick, schedule) if schedule is not None and tick.reserved is None else tick
            if reserved is not None:
                finish(self._instance, reserved)

    def _reserved(self, tick: JobTick, schedule: KnownSchedule) -> JobTick | None:
        """The tick when it is stored which runs it creates; None where it has ended, or somebody else has it."""
        due = datetime.fromtimestamp(tick.timestamp, UTC)
        ref = None if self._instance.is_ephemeral else self._instance.get_ref()
        snapshot, repository = schedule.schedule.snapshot, schedule.repository
        try:
            evaluation = schedule.location.evaluate_schedule(
                repository.name, snapshot.name, due, self._deadline_seconds, ref
            )
            tags = {SCHEDULED_EXECUTION_TIME_TAG: due.isoformat()}
            reserved = reserve(evaluation.run_requests, repository, snapshot, snapshot.pipeline_name, tags)
        except DagsterUserCodeUnreachableError:
            self._not_before[tick.tick_id] = self._now() + _LONGEST_SLEEP_SECONDS / 6
            return None
        except Exception as error:  # noqa: BLE001  of the user's code: the tick says it
            self._storage.replace_job_tick(tick, tick.with_status(JobTickStatus.FAILURE, info_of(error)))
            return None
        if not reserved:
            skipped = tick.with_status(JobTickStatus.SKIPPED).with_reason(evaluation.skip_message)
            self._storage.replace_job_tick(tick, skipped)
            return None
        known = tick.with_reserved(reserved)
        return known if self._storage.replace_job_tick(tick, known) else None


def _data(state: JobState) -> ScheduleJobData:
    assert isinstance(state.job_specific_data, ScheduleJobData)
    return state.job_specific_data


def _moved(data: ScheduleJobData, timestamp: float) -> ScheduleJobData:
    return msgspec.structs.replace(data, last_timestamp=max(timestamp, data.last_timestamp or timestamp))


def _from_now_on(data: ScheduleJobData, schedule: ExternalSchedule, now: float) -> ScheduleJobData:
    """An edited expression says nothing of times that have passed."""
    return msgspec.structs.replace(
        _moved(data, now),
        cron_schedule=schedule.snapshot.cron_schedule,
        execution_timezone=schedule.snapshot.execution_timezone,
    )
