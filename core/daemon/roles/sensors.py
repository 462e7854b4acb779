"""The role that asks sensors whether there is something to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from core.code_servers import CodeLocation
from core.daemon.roles.asking import AskingRole
from core.daemon.roles.reserved_runs import finish, reserve
from core.daemon.roles.told_errors import info_of
from core.errors import DagsterStorageError, DagsterUserCodeUnreachableError
from core.records.external_jobs import ExternalSensor, external_sensors
from core.records.job import JobState, JobStatus, JobTick, JobTickData, JobTickStatus, JobType, SensorJobData
from core.records.job_move import JobMove
from core.records.reserved_run import ReservedRun
from core.records.snapshots import RepositorySnapshot
from core.schedules.requests import Evaluation

_LONGEST_SLEEP_SECONDS = 5.0  # a sensor that was turned on meanwhile is noticed then
_SHOWN_KEYS = 5
_SKIPPED_KEPT_SECONDS = 7 * 24 * 3600.0
_PURGED_EVERY_SECONDS = 3600.0


class KnownSensor(NamedTuple):
    """A sensor, and where its code is asked."""

    location: CodeLocation
    repository: RepositorySnapshot
    sensor: ExternalSensor


class SensorRole(AskingRole):
    """Ticks of sensors.

    A sensor is evaluated where its code is. Then its cursor, the tick, and the runs that it asks for, with ids and
    keys, are stored in one transaction, where its state still is what it was. Then the runs are created and submitted
    by these ids, and the tick ends. What is not stored is asked again; what is stored is gone on with, by this daemon
    or the next one.
    """

    daemon_type = "SENSOR"
    _purged_at: float | None = None

    def turn(self, claim: Any) -> float:
        """Does what is due, and returns in how many seconds it wants its next turn at the latest."""
        self._code.refresh()
        sensors = self._sensors()
        self._go_on()
        now, sleep = self._now(), _LONGEST_SLEEP_SECONDS
        for state in self._storage.all_stored_job_state(job_type=JobType.SENSOR):
            known = sensors.get(state.job_origin_id)
            if state.status is not JobStatus.RUNNING or known is None:
                continue
            due = (_data(state).last_tick_timestamp or 0.0) + known.sensor.snapshot.minimum_interval_seconds
            if due > now:
                sleep = min(sleep, due - now)
            elif state.job_origin_id not in self.flights:
                self.flights.start(state.job_origin_id, partial(self._evaluate, state, known))
        self._purge(sensors)
        return sleep

    def _sensors(self) -> Mapping[str, KnownSensor]:
        """Those that are known, by the id of their origin."""
        return {
            each.get_external_origin_id(): KnownSensor(known.location, known.snapshot, each)
            for known in self._code.repositories()
            for each in external_sensors(known.snapshot)
        }

    def _go_on(self) -> None:
        """Goes on with ticks that a process began which is gone."""
        in_flight = self.flights.keys()  # asked for first: what ends meanwhile is not begun again
        for tick in self._storage.get_started_ticks():
            if tick.job_type is JobType.SENSOR and tick.job_origin_id not in in_flight:
                self.flights.start(tick.job_origin_id, partial(finish, self._instance, tick))

    def _evaluate(self, state: JobState, known: KnownSensor) -> None:
        data, began = _data(state), self._now()
        ref = None if self._instance.is_ephemeral else self._instance.get_ref()
        try:
            evaluation = known.location.evaluate_sensor(
                known.repository.name,
                known.sensor.name,
                data.cursor,
                data.last_run_key,
                data.last_tick_timestamp,
                self._deadline_seconds,
                ref,
            )
            self._keep(state, known, evaluation, began)
        except DagsterUserCodeUnreachableError:
            return  # it is asked again, and nothing is known to have happened
        except DagsterStorageError:
            raise
        except Exception as error:  # noqa: BLE001  of the user's code: the tick says it
            failed = _tick(state, JobTickStatus.FAILURE, began, error=info_of(error))
            self._move(state, data, began, failed)

    def _keep(self, state: JobState, known: KnownSensor, evaluation: Evaluation, began: float) -> None:
        """Stores what an evaluation came to, and creates its runs."""
        data, sensor = _data(state), known.sensor.snapshot
        asked = reserve(evaluation.run_requests, known.repository, sensor, sensor.targets[0], {})
        new, known_keys = self._without_known_keys(state.job_origin_id, asked)
        moved = msgspec.structs.replace(data, cursor=evaluation.cursor)
        if asked and asked[-1].run_key:
            moved = msgspec.structs.replace(moved, last_run_key=asked[-1].run_key)
        if new:
            tick = _tick(state, JobTickStatus.STARTED, began, cursor=evaluation.cursor, reserved=new)
        else:
            reason = evaluation.skip_message or (_said_of(known_keys) if known_keys else None)
            tick = _tick(state, JobTickStatus.SKIPPED, began, cursor=evaluation.cursor, skip_reason=reason)
        stored = self._move(state, moved, began, tick)
        for each in stored or ():
            if each.status is JobTickStatus.STARTED:
                finish(self._instance, each)

    def _without_known_keys(
        self, job_origin_id: str, asked: Sequence[ReservedRun]
    ) -> tuple[list[ReservedRun], list[str]]:
        """The runs to create, each key once; and the keys that had one before."""
        keys = {run.run_key for run in asked if run.run_key}
        taken = self._storage.taken_run_keys(job_origin_id, keys) if keys else set()
        new: dict[str, ReservedRun] = {}
        for run in asked:
            if run.run_key not in taken:
                new.setdefault(run.run_key or run.run_id, run)
        return list(new.values()), sorted(taken)

    def _move(self, state: JobState, data: SensorJobData, began: float, tick: JobTickData) -> list[JobTick] | None:
        """None where somebody turned the sensor off, or set its cursor, meanwhile: it is asked again, if at all."""
        moved = state.with_data(msgspec.structs.replace(data, last_tick_timestamp=began))
        [stored] = self._storage.move_jobs([JobMove(state, moved, (tick,))])
        return stored

    def _purge(self, sensors: Mapping[str, KnownSensor]) -> None:
        """Deletes old ticks that say that there was nothing to do."""
        now = self._now()
        if self._purged_at is not None and now - self._purged_at < _PURGED_EVERY_SECONDS:
            return
        self._purged_at = now
        for job_origin_id in sensors:
            self._storage.purge_job_ticks(job_origin_id, JobTickStatus.SKIPPED, now - _SKIPPED_KEPT_SECONDS)


def _tick(state: JobState, status: JobTickStatus, timestamp: float, **more: Any) -> JobTickData:
    return JobTickData(state.job_origin_id, state.job_name, JobType.SENSOR, status, timestamp, **more)


def _data(state: JobState) -> SensorJobData:
    data = state.job_specific_data
    return data if isinstance(data, SensorJobData) else SensorJobData()


def _said_of(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:_SHOWN_KEYS])
    more = f", and {len(keys) - _SHOWN_KEYS} more" if len(keys) > _SHOWN_KEYS else ""
    return f"Each run it asks for was asked for before, by these keys: {shown}{more}."
