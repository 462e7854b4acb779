"""A schedule that is started once by somebody else than the daemon: by cron."""

from __future__ import annotations

from core.code_servers import Workspace
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.scheduler import SchedulerRole
from core.instance import DagsterInstance
from core.records.external_jobs import ExternalSchedule
from core.records.job import JobTick


def start_once(
    instance: DagsterInstance, workspace: Workspace, schedule: ExternalSchedule, seconds: float
) -> list[JobTick]:
    """Starts a schedule that is on where it is due, and waits for that.

    Args:
        instance: where runs and schedules are kept.
        workspace: where its code is.
        schedule: the schedule.
        seconds: how long that may take.

    Returns:
        The ticks that this came to; none where it is off, or not due.

    Raises:
        Exception: what was not expected, such as a database that is away.
    """
    origin_id = schedule.get_external_origin_id()
    newest = instance.get_latest_job_tick(origin_id)
    role = SchedulerRole(instance, KnownCode(workspace), deadline_seconds=seconds, only=origin_id)
    role.turn(None)
    role.flights.wait(seconds)
    for error in role.take_errors():
        raise error
    ticks = instance.get_job_ticks(origin_id, limit=10)
    return [tick for tick in ticks if newest is None or tick.tick_id > newest.tick_id]
